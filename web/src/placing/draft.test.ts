// Drafts under test: what is typed becomes what the contract wants, or a fault with a name.
import { expect, test } from "vitest";
import { bodyOf, countCharacters, draftFaults, isOrderBody } from "./draft";

test("what a Russian types becomes what the shop reads", () => {
  expect(bodyOf({ amount: "1 250,5", description: "  Два билета " })).toEqual({ amount: "1250.50", description: "Два билета" });
});

test("no description is none, not an empty one", () => {
  expect(bodyOf({ amount: "50", description: "   " })).toEqual({ amount: "50.00" });
});

test("a description has at most 512 characters, emoji counting as one", () => {
  expect(draftFaults({ amount: "1", description: "🎟".repeat(512) })).toEqual({ amount: null, description: null });
  expect(draftFaults({ amount: "1", description: "я".repeat(513) })).toEqual({ amount: null, description: 513 });
  expect(countCharacters("🎟")).toBe(1);
});

test("a bad amount has its fault and no body", () => {
  expect(draftFaults({ amount: "0.001", description: "" }).amount).toBe("too_many_decimals");
  expect(bodyOf({ amount: "abc", description: "" })).toBeNull();
});

test("a kept body is recognised, leftovers are not", () => {
  expect(isOrderBody({ amount: "5.00" })).toBe(true);
  expect(isOrderBody({ amount: "5.00", description: "x" })).toBe(true);
  for (const leftover of [null, 5, {}, { amount: 5 }, { amount: "5.00", description: 7 }]) expect(isOrderBody(leftover)).toBe(false);
});
