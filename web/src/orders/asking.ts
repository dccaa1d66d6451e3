// Asks how the awaited orders stand while push is silent: every few seconds without a connection, rarely with one.
// Absent: asking when nothing is awaited.
import type { Clock } from "../time/clock";
import type { KnownOrders } from "./known";
import type { Fact } from "../push/messages";

export interface AskingNeeds {
  known: KnownOrders;
  clock: Clock;
  live(): boolean;
  /** The newest orders; null when the shop could not be asked. */
  list(): Promise<Fact[] | null>;
  /** One order; "gone" when the shop does not know it. */
  one(id: string): Promise<Fact | "gone" | null>;
  /** A list knew what push should have said: the connection may be dead without knowing it. */
  onMissed(): void;
}

const WITHOUT_PUSH = 3_000;
/** Push is trusted; this only finds a connection that died silently. */
const WITH_PUSH = 15_000;
/** Orders asked for one by one, when the newest page does not hold them. */
const ONE_BY_ONE = 5;

export class Asking {
  readonly #needs: AskingNeeds;
  #next: { at: number; callOff: () => void } | null = null;
  #running = false;

  constructor(needs: AskingNeeds) {
    this.#needs = needs;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.nudge();
  }

  stop(): void {
    this.#running = false;
    this.#callOff();
  }

  /** The pace may have changed: an order is awaited, or push came or went. What is due sooner stays due. */
  nudge(): void {
    if (!this.#running) return;
    if (this.#needs.known.waiting.length === 0) {
      this.#callOff();
      return;
    }
    const wait = this.#needs.live() ? WITH_PUSH : WITHOUT_PUSH;
    const at = this.#needs.clock.now() + wait;
    if (this.#next && this.#next.at <= at) return;
    this.#callOff();
    const callOff = this.#needs.clock.after(wait, () => {
      this.#next = null;
      void this.askOnce().finally(() => this.nudge());
    });
    this.#next = { at, callOff };
  }

  #callOff(): void {
    this.#next?.callOff();
    this.#next = null;
  }

  /** One round of asking. */
  async askOnce(): Promise<void> {
    const { known } = this.#needs;
    const facts = await this.#needs.list();
    if (facts === null || !this.#running) return;
    let missed = false;
    // A cancel that is merely asked for is not pushed, so a list is where it is learned.
    const isMissed = (fact: Fact) => known.hear(fact, "list") && fact.status !== "NEW";
    for (const fact of facts) missed = isMissed(fact) || missed;
    const listed = new Set(facts.map(({ id }) => id));
    const absent = known.waiting.filter((id) => !listed.has(id)).slice(0, ONE_BY_ONE);
    for (const id of absent) {
      const fact = await this.#needs.one(id);
      if (fact === "gone") known.forget(id);
      else if (fact) missed = isMissed(fact) || missed;
    }
    if (missed && this.#needs.live()) this.#needs.onMissed();
  }
}
