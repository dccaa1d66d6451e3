// How long to wait before trying again: doubling, capped, and jittered so that a crowd does not come back at once.

export interface Backoff {
  first: number;
  longest: number;
}

/** `random` is from 0 up to 1; half of the wait is certain, half is chance. `tries` counts from 1. */
export function backoff(tries: number, { first, longest }: Backoff, random: number): number {
  // 2 ** 30 is far past any cap; without the bound a day of failures would reach Infinity.
  const full = Math.min(longest, first * 2 ** Math.min(tries - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}

/** The one place where chance comes from. */
export function chance(): number {
  const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
  return word / 2 ** 32;
}
