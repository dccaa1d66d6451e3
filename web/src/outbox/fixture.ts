// An outbox for tests, with what it was given at hand: a store, a clock that stands still, and every sending with its answer to be given.
// Absent from the built page.
import type { Answer } from "../api/answer";
import { fakeStore } from "../remembering/fakeStore";
import { FakeClock, settled } from "../time/fakeClock";
import { Outbox, type Pending } from "./outbox";

export const SLOT = "gozon.kept.order 1";
export const OLD_SLOT = "gozon.outbox.order 1";
type Sent = Pending<string> & { answer: (answer: Answer<string>) => void };

export let store: ReturnType<typeof fakeStore>;
export let clock: FakeClock;
export let sent: Sent[];
export let done: string[];
let keys: number;

export const lost: Answer<string> = { kind: "lost", why: "network", retryAfter: null };
export const problem = (status: number, code: string): Answer<string> => ({
  kind: "refused",
  status,
  problem: { type: "urn:x", title: "t", detail: "d", status, code },
});
export const refused = problem(422, "invalid_amount");
export const mismatch = problem(409, "user_mismatch");
/** What another tab, or this page before a reload, keeps. */
export const keptNow = (key: string, body = "tea") => JSON.stringify({ key, body, at: clock.now() });

export function openUnconfirmed(hold = false) {
  const outbox = new Outbox<string, string>({
    store,
    slot: SLOT,
    oldSlot: OLD_SLOT,
    isBody: (value): value is string => typeof value === "string",
    send: (pending) => new Promise((answer) => sent.push({ ...pending, answer })),
    clock,
    chance: () => 0.5,
    newKey: () => `key-${(keys += 1)}`,
    onDone: (value) => done.push(value),
  });
  outbox.start(hold);
  return outbox;
}

export function open(hold = false) {
  const outbox = openUnconfirmed(hold);
  outbox.confirm(true);
  return outbox;
}

export async function answerLast(answer: Answer<string>) {
  sent.at(-1)?.answer(answer);
  await settled();
}

/** Before each test. */
export function reset(): void {
  store = fakeStore();
  clock = new FakeClock();
  sent = [];
  done = [];
  keys = 0;
}
