// A request that must happen once: it is kept with its idempotency key before it is sent, and sent again with the same
// key, after a lost answer or a reload, until the shop answers. One at a time for each user and kind of request.
// Absent: a request whose key is not stored yet.
import type { Answer, LostWhy, Problem } from "../api/answer";
import { readJson, type Store } from "../remembering/store";
import { backoff } from "../time/backoff";
import type { Clock } from "../time/clock";
import { Watched } from "../watching/watched";

export interface Pending<B> {
  key: string;
  body: B;
}

/** How the last one ended. `elsewhere`: another tab got the answer. `abandoned`: nobody knows. */
export type Ended =
  | { how: "done" | "abandoned" | "elsewhere" }
  | { how: "refused"; status: number; problem: Problem | null };

export type OutboxState<B> =
  | { at: "idle"; ended: Ended | null }
  | { at: "sending"; pending: Pending<B>; tries: number }
  | { at: "waiting"; pending: Pending<B>; tries: number; why: LostWhy | "another_tab" };

export interface OutboxNeeds<B, A> {
  store: Store;
  /** Where it is kept; names the user and the kind of request. */
  slot: string;
  isBody: (value: unknown) => value is B;
  send(pending: Pending<B>): Promise<Answer<A>>;
  clock: Clock;
  chance(): number;
  newKey(): string;
  onDone(value: A): void;
}

const WAITS = { first: 1_000, longest: 30_000 };
/** A request that appears in another tab is that tab's to finish; if it is still there by then, the tab has died. */
const LEAVE_TO_OTHER_TAB = 20_000;

export class Outbox<B, A> {
  readonly state = new Watched<OutboxState<B>>({ at: "idle", ended: null });
  readonly #needs: OutboxNeeds<B, A>;
  #running = false;
  #callOff: (() => void) | null = null;

  constructor(needs: OutboxNeeds<B, A>) {
    this.#needs = needs;
  }

  /** Takes up what an earlier page left unanswered. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    const left = this.#kept();
    if (left) void this.#send(left, 1);
  }

  stop(): void {
    this.#running = false;
    this.#rest(null);
  }

  /** Keeps and sends it. `false` when another one is on its way: a double click, or the same page in another tab. */
  submit(body: B): boolean {
    if (!this.#running || this.state.get().at !== "idle" || this.#kept()) return false;
    const pending = { key: this.#needs.newKey(), body };
    this.#needs.store.set(this.#needs.slot, JSON.stringify(pending));
    void this.#send(pending, 1);
    return true;
  }

  tryNow(): void {
    const state = this.state.get();
    if (state.at === "waiting") void this.#send(state.pending, state.tries + 1);
  }

  /** Stops trying. Whether the shop did it is not known then; the caller says so. */
  abandon(): void {
    const state = this.state.get();
    if (state.at !== "waiting") return;
    this.#remove(state.pending);
    this.#rest({ how: "abandoned" });
  }

  /** Another tab changed what is kept. */
  noticeStore(): void {
    const state = this.state.get();
    const kept = this.#kept();
    if (!this.#running || state.at === "sending") return;
    if (kept && (state.at === "idle" || state.pending.key !== kept.key)) {
      this.#wait({ at: "waiting", pending: kept, tries: 0, why: "another_tab" }, LEAVE_TO_OTHER_TAB);
    }
    if (!kept && state.at === "waiting") this.#rest({ how: "elsewhere" });
  }

  async #send(pending: Pending<B>, tries: number): Promise<void> {
    this.#wakeNot();
    this.state.set({ at: "sending", pending, tries });
    const answer = await this.#needs.send(pending);
    if (answer.kind !== "lost") this.#remove(pending);
    if (!this.#running) return;
    switch (answer.kind) {
      case "done":
        this.#rest({ how: "done" });
        this.#needs.onDone(answer.value);
        break;
      case "refused":
        this.#rest({ how: "refused", status: answer.status, problem: answer.problem });
        break;
      case "lost": {
        const own = backoff(tries, WAITS, this.#needs.chance());
        this.#wait({ at: "waiting", pending, tries, why: answer.why }, Math.max(own, answer.retryAfter ?? 0));
      }
    }
  }

  #wait(state: OutboxState<B> & { at: "waiting" }, milliseconds: number): void {
    this.#wakeNot();
    this.state.set(state);
    this.#callOff = this.#needs.clock.after(milliseconds, () => this.tryNow());
  }

  #rest(ended: Ended | null): void {
    this.#wakeNot();
    this.state.set({ at: "idle", ended });
  }

  #wakeNot(): void {
    this.#callOff?.();
    this.#callOff = null;
  }

  #kept(): Pending<B> | null {
    const { store, slot, isBody } = this.#needs;
    return readJson(store, slot, (value): value is Pending<B> => {
      if (typeof value !== "object" || value === null) return false;
      const { key, body } = value as Record<string, unknown>;
      return typeof key === "string" && isBody(body);
    });
  }

  /** Only what was answered: another tab may have kept a newer one by now. */
  #remove({ key }: Pending<B>): void {
    if (this.#kept()?.key === key) this.#needs.store.remove(this.#needs.slot);
  }
}
