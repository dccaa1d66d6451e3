// The push connection of one user as a state machine: connect, snapshots, live, wait, again.
// It resumes by the last cursor. Absent: what the messages mean (orders/known.ts) and React.
//
//   stopped --start--> connecting --ready--> live
//                         |   ^               |
//                    closed   | wait is over  | closed
//                         v   |               |
//                        waiting <------------+
//   connecting --closed 1008 without a cursor--> refused
import { backoff } from "../time/backoff";
import type { Clock } from "../time/clock";
import { Watched } from "../watching/watched";
import { readMessage, type Fact } from "./messages";

/** As much of a WebSocket as is needed here. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  close(): void;
}

export type PushStatus = "stopped" | "connecting" | "live" | "waiting" | "refused";

export interface PushNeeds {
  open(after: string | null): Socket;
  clock: Clock;
  /** From 0 up to 1. */
  chance(): number;
  /** The last message's cursor; outlives a reload. */
  cursor: { get(): string | null; set(cursor: string | null): void };
  /** A snapshot or an update; called before its cursor is kept, so that a crash between tells twice rather than never. */
  onFact(fact: Fact): void;
  /** It was refused or never reached the shop; a browser does not say which. */
  onUnopened(): void;
  /** Whose the connection is, as the shop says. */
  onUser(user: string): void;
  /** Live, but not resumed: whatever changed before is only in the lists. */
  onFreshStart(): void;
}

type State =
  | { at: "stopped" | "refused" }
  | { at: "connecting"; socket: Socket; after: string | null; giveUp: () => void }
  | { at: "live"; socket: Socket; since: number }
  | { at: "waiting"; callOff: () => void };

const WAITS = { first: 500, longest: 20_000 };
/** From the first byte to `ready`; past that the connection is taken for dead. */
const PATIENCE = 20_000;
/** A connection that lived this long was a good one: the next failure is a first one again. */
const STEADY = 5_000;
/** A browser does not say why an upgrade was refused. Every so many in a row, the cursor is suspected and left out once. */
const SUSPECT_CURSOR_EVERY = 4;
/** Policy violation: a cursor or a user that the shop does not want. */
const POLICY = 1008;

export class PushClient {
  readonly status = new Watched<PushStatus>("stopped");
  /** Whether it has failed since it last was live: a second look is no longer the first. */
  readonly failed = new Watched(false);
  readonly #needs: PushNeeds;
  #state: State = { at: "stopped" };
  #failures = 0;
  /** Of these, those in a row that did not even open. */
  #unopened = 0;

  constructor(needs: PushNeeds) {
    this.#needs = needs;
  }

  start(): void {
    if (this.#state.at === "stopped") this.#connect();
  }

  stop(): void {
    this.#leave();
    this.#failures = 0;
    this.#enter({ at: "stopped" });
  }

  /** Something (the network came back, the tab was woken) says that now is better than later. */
  tryNow(): void {
    if (this.#state.at !== "waiting" && this.#state.at !== "refused") return;
    this.#leave();
    this.#connect();
  }

  /** The connection is suspected of being dead without knowing it: drop it and resume. */
  reconnect(): void {
    if (this.#state.at === "stopped") return;
    this.#leave();
    this.#connect();
  }

  #connect(): void {
    const suspect = this.#unopened > 0 && this.#unopened % SUSPECT_CURSOR_EVERY === 0;
    const after = suspect ? null : this.#needs.cursor.get();
    let socket: Socket;
    try {
      socket = this.#needs.open(after);
    } catch {
      this.#wait();
      return;
    }
    const giveUp = this.#needs.clock.after(PATIENCE, () => this.#closed(null));
    this.#enter({ at: "connecting", socket, after, giveUp });
    this.#unopened += 1;
    // A socket that was left behind may still speak; it is no longer listened to.
    const ours = () => "socket" in this.#state && this.#state.socket === socket;
    socket.onopen = () => {
      if (ours()) this.#unopened = 0;
    };
    socket.onmessage = ({ data }) => {
      if (ours()) this.#heard(data);
    };
    socket.onclose = ({ code }) => {
      if (ours()) this.#closed(code);
    };
  }

  #heard(data: unknown): void {
    const message = readMessage(data);
    if (!message) return;
    if (message.type !== "ready") {
      this.#needs.onFact(message.fact);
      this.#needs.cursor.set(message.cursor);
      return;
    }
    if (message.user !== null) this.#needs.onUser(message.user);
    this.#needs.cursor.set(message.cursor);
    if (this.#state.at !== "connecting") return;
    const { socket, after, giveUp } = this.#state;
    giveUp();
    this.#enter({ at: "live", socket, since: this.#needs.clock.now() });
    if (after === null) this.#needs.onFreshStart();
  }

  #closed(code: number | null): void {
    const was = this.#state;
    this.#leave();
    if (this.#unopened > 0) this.#needs.onUnopened();
    if (was.at === "live" && this.#needs.clock.now() - was.since >= STEADY) this.#failures = 0;
    if (code === POLICY && was.at === "connecting") {
      if (was.after === null) {
        this.#enter({ at: "refused" });
        return;
      }
      this.#needs.cursor.set(null);
    }
    this.#wait();
  }

  #wait(): void {
    this.#failures += 1;
    const wait = backoff(this.#failures, WAITS, this.#needs.chance());
    const callOff = this.#needs.clock.after(wait, () => this.#connect());
    this.#enter({ at: "waiting", callOff });
  }

  /** Lets go of what the state holds: its socket and its timers. */
  #leave(): void {
    const state = this.#state;
    if (state.at === "waiting") state.callOff();
    if (state.at === "connecting") state.giveUp();
    if ("socket" in state) {
      this.#state = { at: "stopped" };
      state.socket.onopen = state.socket.onmessage = state.socket.onclose = null;
      state.socket.close();
    }
  }

  #enter(state: State): void {
    this.#state = state;
    if (state.at === "live") this.failed.set(false);
    if (state.at === "waiting" || state.at === "refused") this.failed.set(true);
    this.status.set(state.at);
  }
}
