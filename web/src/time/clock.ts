// Time as the state machines see it: a clock they are given, so that tests decide what time it is.

export interface Clock {
  now(): number;
  /** Runs it once, later; the answer takes it back. */
  after(milliseconds: number, run: () => void): () => void;
}

export const clock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
