// The query cache: what is asked again, how often, and the names under which answers are kept.
import { QueryClient } from "@tanstack/react-query";
import { NoValue } from "../api/answer";
import type { Order } from "../orders/order";

/** Asked again after a lost answer; a refusal stays a refusal. */
const TRIES_AGAIN = 2;

export function newQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // "Offline" to a browser is no network; a shop on this very machine is still there. So: just try.
        networkMode: "always",
        staleTime: 2_000,
        retry: (failures, error) => failures < TRIES_AGAIN && error instanceof NoValue && error.answer.kind === "lost",
        retryDelay: (failures, error) => {
          const asked = error instanceof NoValue && error.answer.kind === "lost" ? error.answer.retryAfter : null;
          return Math.max(asked ?? 0, 500 * 2 ** failures);
        },
      },
    },
  });
}

export const keys = {
  orders: (user: string, status?: Order["status"]) => (status ? ["orders", user, status] : ["orders", user]),
  allOrders: (user: string) => ["orders", user, "ALL"],
  order: (user: string, id: string) => ["order", user, id],
  /** Below the order, so that whatever refreshes that refreshes this. */
  timeline: (user: string, id: string) => ["order", user, id, "timeline"],
  balance: (user: string) => ["balance", user],
  statement: (user: string) => ["statement", user],
};

/** Short enough that the balance seems to follow the toast at once. */
const REST = 300;

/** Refetches what a change touches. A burst of changes is one refetch now and one at its end, not one each. */
export class Refreshing {
  readonly #queries: QueryClient;
  readonly #user: string;
  #resting = false;
  #again = false;

  constructor(queries: QueryClient, user: string) {
    this.#queries = queries;
    this.#user = user;
  }

  now(): void {
    if (this.#resting) {
      this.#again = true;
      return;
    }
    for (const key of [keys.orders(this.#user), keys.balance(this.#user), keys.statement(this.#user), ["order", this.#user]]) {
      void this.#readAgain(key);
    }
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      if (!this.#again) return;
      this.#again = false;
      this.now();
    }, REST);
  }

  async #readAgain(queryKey: string[]): Promise<void> {
    // A first reading that is under way is joined, not begun anew, and may have seen things as they were before the change.
    const first = this.#queries.isFetching({ queryKey, predicate: ({ state }) => state.data === undefined }) > 0;
    await this.#queries.invalidateQueries({ queryKey });
    if (first) await this.#queries.invalidateQueries({ queryKey });
  }
}
