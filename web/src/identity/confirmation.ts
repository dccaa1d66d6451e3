// Whether the shop has said that the page's user is the one who is signed in. It is asked when the page comes to life and when it may
// have missed a change of session; until it has answered, the page takes nothing and sends nothing.
// Absent: what the shop says when it is somebody else (api/call.ts), and what happens then (App.tsx).
import { backoff } from "../time/backoff";
import type { Clock } from "../time/clock";
import { Watched } from "../watching/watched";

export interface ConfirmationNeeds {
  /** Asks the shop; whether it has confirmed. `false` when nothing is known: no answer, or one of somebody before the shop. */
  ask(): Promise<boolean>;
  clock: Clock;
  /** From 0 up to 1. */
  chance(): number;
}

const WAITS = { first: 500, longest: 20_000 };

export class Confirmation {
  readonly confirmed = new Watched(false);
  readonly #needs: ConfirmationNeeds;
  /** Which asking is the last; the answers to earlier ones come too late. */
  #asking = 0;
  #callOff: (() => void) | null = null;

  constructor(needs: ConfirmationNeeds) {
    this.#needs = needs;
  }

  /** Nothing is confirmed from now on, until the shop has answered. */
  check(): void {
    this.stop();
    void this.#ask(this.#asking, 1);
  }

  stop(): void {
    this.#asking += 1;
    this.#callOff?.();
    this.#callOff = null;
    this.confirmed.set(false);
  }

  /** Resolves when the shop has confirmed; at once if it has. */
  async once(): Promise<void> {
    if (this.confirmed.get()) return;
    await new Promise<void>((resolve) => {
      const leave = this.confirmed.subscribe(() => {
        leave();
        resolve();
      });
    });
  }

  async #ask(asking: number, tries: number): Promise<void> {
    const confirmed = await this.#needs.ask();
    if (asking !== this.#asking) return;
    if (confirmed) {
      this.confirmed.set(true);
      return;
    }
    const wait = backoff(tries, WAITS, this.#needs.chance());
    this.#callOff = this.#needs.clock.after(wait, () => void this.#ask(asking, tries + 1));
  }
}
