// The balance over time, as steps for the chart: from the statement's entries, newest first, to points, oldest first.
// Absent: drawing. Money turns into a plain number only here, as a share of the highest point, to place a pixel.
import { minor, readMoney, type Money } from "../money/money";

export interface Entry {
  amount: string;
  balance_after: string;
  created_at: string;
}

export interface Point {
  at: number;
  balance: Money;
}

/** With what was there before the oldest entry at hand, so that its own step is seen too. */
export function stepsOf(entries: readonly Entry[]): Point[] {
  const oldest = entries.at(-1);
  if (!oldest) return [];
  const before = minor(readMoney(oldest.balance_after) - readMoney(oldest.amount));
  const points = entries.map((entry) => ({ at: Date.parse(entry.created_at), balance: readMoney(entry.balance_after) }));
  points.reverse();
  return [{ at: Date.parse(oldest.created_at), balance: before }, ...points];
}

export function highest(points: readonly Point[]): Money {
  return points.reduce((most, { balance }) => (balance > most ? balance : most), minor(0n));
}

export function lowest(points: readonly Point[]): Money {
  const first = points[0]?.balance ?? minor(0n);
  return points.reduce((least, { balance }) => (balance < least ? balance : least), first);
}

/** From 0 to 1, in ten-thousandths: finer than any screen. */
export function shareOf(balance: Money, whole: Money): number {
  return whole <= 0n ? 0 : Number((balance * 10_000n) / whole) / 10_000;
}

/** The point that holds at a time: the last one not after it. */
export function pointAt(points: readonly Point[], at: number): Point | null {
  return points.findLast((point) => point.at <= at) ?? points[0] ?? null;
}
