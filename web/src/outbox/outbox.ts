// A request that must happen once: it is kept with its idempotency key before it is sent, and sent again with the same
// key, after a lost answer or a reload, until the shop itself answers. One at a time for each user and kind of request.
// It goes out only while the shop has confirmed who is signed in; what may no longer be meant is held until its user says so.
// Absent: a request whose key is not stored yet.
import { MISMATCH, type Answer, type LostWhy, type Problem } from "../api/answer";
import { readJson, type Store } from "../remembering/store";
import { backoff } from "../time/backoff";
import type { Clock } from "../time/clock";
import { Watched } from "../watching/watched";

export interface Pending<B> {
  key: string;
  body: B;
  /** When its user sent it, in milliseconds; absent in what older pages kept. */
  at?: number;
  /** It is not sent before its user has said so once more. */
  held?: true;
}

/** How the last one ended. `elsewhere`: another tab got the answer. `abandoned`: nobody knows. */
export type Ended =
  | { how: "done" | "abandoned" | "elsewhere" }
  | { how: "refused"; status: number; problem: Problem | null };

/** `unconfirmed`: it is sent as soon as the shop has said who is signed in. `held`: it is sent after a click. */
export type OutboxState<B> =
  | { at: "idle"; ended: Ended | null }
  | { at: "sending"; pending: Pending<B>; tries: number }
  | { at: "waiting"; pending: Pending<B>; tries: number; why: LostWhy | "another_tab" | "unconfirmed" }
  | { at: "held"; pending: Pending<B> };

export interface OutboxNeeds<B, A> {
  store: Store;
  /** Where it is kept; names the user and the kind of request. */
  slot: string;
  /** Where older pages kept it. They sent it for whoever was signed in, so it is taken from them. */
  oldSlot: string;
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
/** What was meant longer ago may not be meant any more. */
const STILL_MEANT = 10 * 60_000;

export class Outbox<B, A> {
  readonly state = new Watched<OutboxState<B>>({ at: "idle", ended: null });
  readonly #needs: OutboxNeeds<B, A>;
  #running = false;
  #confirmed = false;
  #callOff: (() => void) | null = null;

  constructor(needs: OutboxNeeds<B, A>) {
    this.#needs = needs;
  }

  /** Takes up what an earlier page left unanswered; with `hold` it waits for a click, whatever its age. */
  start(hold = false): void {
    if (this.#running) return;
    this.#running = true;
    this.#moveOld();
    const left = this.#kept();
    if (left) this.#takeUp(hold ? { ...left, held: true } : left, 1);
  }

  stop(): void {
    this.#running = false;
    this.#rest(null);
  }

  /** Whether the shop has confirmed that this outbox's user is the one who is signed in. */
  confirm(confirmed: boolean): void {
    this.#confirmed = confirmed;
    const state = this.state.get();
    if (confirmed && state.at === "waiting" && state.why !== "another_tab") this.tryNow();
  }

  /** Keeps and sends it. `false` when another one is on its way (a double click, or another tab), or nobody is confirmed. */
  submit(body: B): boolean {
    if (!this.#running || !this.#confirmed || this.state.get().at !== "idle" || this.#kept()) return false;
    const pending = { key: this.#needs.newKey(), body, at: this.#needs.clock.now() };
    this.#keep(pending);
    void this.#send(pending, 1);
    return true;
  }

  tryNow(): void {
    const state = this.state.get();
    if (state.at === "waiting") this.#takeUp(state.pending, state.tries + 1);
  }

  /** Its user has said once more that it is meant. */
  release(): void {
    const state = this.state.get();
    if (state.at !== "held") return;
    const { key, body } = state.pending;
    const pending = { key, body, at: this.#needs.clock.now() };
    this.#keep(pending);
    this.#takeUp(pending, 1);
  }

  /** Stops trying. Whether the shop did it is not known then; the caller says so. */
  abandon(): void {
    const state = this.state.get();
    if (state.at !== "waiting" && state.at !== "held") return;
    this.#remove(state.pending);
    this.#rest({ how: "abandoned" });
  }

  /** Another tab changed what is kept. */
  noticeStore(): void {
    const state = this.state.get();
    const kept = this.#kept();
    if (!this.#running || state.at === "sending") return;
    if (!kept) {
      if (state.at !== "idle") this.#rest({ how: "elsewhere" });
    } else if (this.#needsClick(kept)) {
      this.#hold(kept);
    } else if (state.at !== "waiting" || state.pending.key !== kept.key) {
      this.#wait({ at: "waiting", pending: kept, tries: 0, why: "another_tab" }, LEAVE_TO_OTHER_TAB);
    }
  }

  #takeUp(pending: Pending<B>, tries: number): void {
    if (this.#needsClick(pending)) this.#hold(pending);
    else if (this.#confirmed) void this.#send(pending, tries);
    else {
      this.#wakeNot();
      this.state.set({ at: "waiting", pending, tries: tries - 1, why: "unconfirmed" });
    }
  }

  async #send(pending: Pending<B>, tries: number): Promise<void> {
    this.#wakeNot();
    this.state.set({ at: "sending", pending, tries });
    const answer = await this.#needs.send(pending);
    const mismatch = answer.kind === "refused" && answer.problem?.code === MISMATCH;
    // Whoever stands before the shop may refuse too; only the shop itself ends a key.
    const ended = answer.kind === "done" || (answer.kind === "refused" && answer.problem !== null && !mismatch);
    if (ended) this.#remove(pending);
    if (mismatch) this.#keepHeld(pending);
    if (!this.#running) return;
    if (answer.kind === "done") {
      this.#rest({ how: "done" });
      this.#needs.onDone(answer.value);
    } else if (mismatch) {
      this.#hold(pending);
    } else if (answer.kind === "refused" && ended) {
      this.#rest({ how: "refused", status: answer.status, problem: answer.problem });
    } else {
      const { why, retryAfter } = answer.kind === "lost" ? answer : { why: "server" as const, retryAfter: null };
      const own = backoff(tries, WAITS, this.#needs.chance());
      this.#wait({ at: "waiting", pending, tries, why }, Math.max(own, retryAfter ?? 0));
    }
  }

  #wait(state: OutboxState<B> & { at: "waiting" }, milliseconds: number): void {
    this.#wakeNot();
    this.state.set(state);
    this.#callOff = this.#needs.clock.after(milliseconds, () => this.tryNow());
  }

  #hold(pending: Pending<B>): void {
    this.#wakeNot();
    this.#keepHeld(pending);
    this.state.set({ at: "held", pending: { ...pending, held: true } });
  }

  /** A clock that was set back makes no request young. */
  #needsClick({ at, held }: Pending<B>): boolean {
    return held === true || at === undefined || Math.abs(this.#needs.clock.now() - at) > STILL_MEANT;
  }

  #rest(ended: Ended | null): void {
    this.#wakeNot();
    this.state.set({ at: "idle", ended });
  }

  #wakeNot(): void {
    this.#callOff?.();
    this.#callOff = null;
  }

  #keep(pending: Pending<B>): void {
    this.#needs.store.set(this.#needs.slot, JSON.stringify(pending));
  }

  /** Unless another tab has kept a newer one by now. */
  #keepHeld(pending: Pending<B>): void {
    const kept = this.#kept();
    if (kept?.key === pending.key && kept.held !== true) this.#keep({ ...pending, held: true });
  }

  #kept(slot = this.#needs.slot): Pending<B> | null {
    const { store, isBody } = this.#needs;
    return readJson(store, slot, (value): value is Pending<B> => {
      if (typeof value !== "object" || value === null) return false;
      const { key, body, at, held } = value as Record<string, unknown>;
      const isTime = at === undefined || typeof at === "number";
      return typeof key === "string" && isBody(body) && isTime && (held === undefined || held === true);
    });
  }

  /** What older pages kept; where it has gone, their tabs stop waiting for it. */
  #moveOld(): void {
    const { store, oldSlot } = this.#needs;
    const old = this.#kept(oldSlot);
    if (!old || this.#kept()) return;
    this.#keep({ ...old, held: true });
    store.remove(oldSlot);
  }

  /** Only what was answered: another tab may have kept a newer one by now. */
  #remove({ key }: Pending<B>): void {
    if (this.#kept()?.key === key) this.#needs.store.remove(this.#needs.slot);
  }
}
