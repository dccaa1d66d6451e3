// The chart's steps under test.
import { expect, test } from "vitest";
import { minor } from "../money/money";
import { highest, lowest, pointAt, shareOf, stepsOf } from "./steps";

const entries = [
  { amount: "-30.50", balance_after: "69.50", created_at: "2026-01-01T00:00:02Z" },
  { amount: "100.00", balance_after: "100.00", created_at: "2026-01-01T00:00:01Z" },
];
const second = Date.parse("2026-01-01T00:00:01Z");

test("a statement becomes steps from before its oldest entry to now", () => {
  expect(stepsOf(entries)).toEqual([
    { at: second, balance: 0n },
    { at: second, balance: 10000n },
    { at: second + 1000, balance: 6950n },
  ]);
  expect(stepsOf([])).toEqual([]);
});

test("the range is that of the balances", () => {
  const steps = stepsOf(entries);
  expect(highest(steps)).toBe(10000n);
  expect(lowest(steps)).toBe(0n);
  expect(highest([])).toBe(0n);
});

test("a share is a number between 0 and 1, for any amount of money", () => {
  expect(shareOf(minor(0n), minor(0n))).toBe(0);
  expect(shareOf(minor(1n), minor(3n))).toBe(0.3333);
  const most = minor(9_223_372_036_854_775_807n);
  expect(shareOf(most, most)).toBe(1);
});

test("at any time the last step before it holds", () => {
  const steps = stepsOf(entries);
  expect(pointAt(steps, second + 999)?.balance).toBe(10000n);
  expect(pointAt(steps, second + 5000)?.balance).toBe(6950n);
  expect(pointAt(steps, 0)?.balance).toBe(0n);
  expect(pointAt([], 0)).toBeNull();
});
