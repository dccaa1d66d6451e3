// What this tab knows of the user's orders, from lists and pushes alike: the newest version of each, and what was told.
// An older version never replaces a newer one, and each change is told once, reloads and reconnects included.
import type { Fact } from "../push/messages";
import type { RememberedPush } from "../push/memory";
import { Watched } from "../watching/watched";

/** Where a fact comes from. A list says how things are, not that they changed; so the first sight of an order is no change. */
export type Source = "list" | "push";

export class KnownOrders {
  /** Grows with everything that is learned, so that lists can be drawn again. */
  readonly edition = new Watched(0);
  readonly #newest = new Map<string, Fact>();
  readonly #told: Map<string, number>;
  /** Orders that were seen NEW and not yet final: what the shopper waits for, also across a reload. */
  readonly #waiting: Map<string, number>;
  readonly #memory: RememberedPush;
  readonly #onNews: (fact: Fact, tell: boolean) => void;

  constructor(memory: RememberedPush, onNews: (fact: Fact, tell: boolean) => void) {
    this.#memory = memory;
    this.#told = new Map(memory.now.told);
    this.#waiting = new Map(memory.now.waiting);
    this.#onNews = onNews;
  }

  /** Takes it in, tells it if it is to be told, and says whether it was news. */
  hear(fact: Fact, source: Source): boolean {
    const known = this.#newest.get(fact.id)?.version ?? this.#waiting.get(fact.id) ?? 0;
    const shown = this.#newest.get(fact.id);
    if (shown && fact.version <= shown.version) return false;
    this.#newest.set(fact.id, fact);
    const final = fact.status !== "NEW";
    const changed = fact.version > known && (source === "push" || known > 0);
    const tell = final && changed && (this.#told.get(fact.id) ?? 0) < fact.version;
    this.#remember(fact, final, tell);
    this.edition.set(this.edition.get() + 1);
    if (changed) this.#onNews(fact, tell);
    return changed;
  }

  /** The order as it is now, if more is known than the list at hand says. */
  newest<O extends Fact>(order: O): O {
    const fact = this.#newest.get(order.id);
    if (!fact || fact.version <= order.version) return order;
    const { status, reason, version, cancel_requested_at = order.cancel_requested_at } = fact;
    return { ...order, status, reason, version, cancel_requested_at };
  }

  /** Ids of the orders that are not decided yet, oldest first. */
  get waiting(): string[] {
    return [...this.#waiting.keys()];
  }

  /** The shop does not know it (any more): nothing will come. */
  forget(id: string): void {
    this.#waiting.delete(id);
    this.#memory.keep({ waiting: [...this.#waiting] });
    this.edition.set(this.edition.get() + 1);
  }

  #remember(fact: Fact, final: boolean, tell: boolean): void {
    // Most of a list is long decided and told to nobody: nothing to keep.
    if (final && !tell && !this.#waiting.has(fact.id)) return;
    if (tell) {
      this.#told.delete(fact.id);
      this.#told.set(fact.id, fact.version);
    }
    if (final) this.#waiting.delete(fact.id);
    else this.#waiting.set(fact.id, fact.version);
    this.#memory.keep({ told: [...this.#told], waiting: [...this.#waiting] });
  }
}
