// Reading a timeline, under test.
import { expect, test } from "vitest";
import { en } from "../i18n/en";
import { goesOn, knownStep, withTimes, type What } from "./timeline";

test("every step of the contract has words, and one that a newer shop tells has some, too", () => {
  const steps = ["placed", "payment_requested", "request_published", "cancel_requested", "deadline", "refunded", "settled", "pushed"];
  expect(steps.map(knownStep)).toEqual(steps);
  expect(["shipped", "toString", ""].map(knownStep)).toEqual(["unknown", "unknown", "unknown"]);
  expect(Object.keys(en.timeline.step).sort()).toEqual([...steps, "unknown"].sort());
});

test("a timeline goes on while the order waits, and until the request is known to have been sent", () => {
  const told = (waiting_for: string | null, ...steps: What[]) => ({
    waiting_for,
    events: steps.map((what) => ({ at: "2026-11-22T01:00:00Z", what, detail: "" })),
  });
  expect(goesOn(told("Payment outstanding.", "placed", "request_published"))).toBe(true);
  expect(goesOn(told(null, "placed", "settled", "pushed"))).toBe(true);
  expect(goesOn(told(null, "placed", "request_published", "settled", "pushed"))).toBe(false);
});

test("times in the shop's sentences are shown as people read them, and the rest is left alone", () => {
  const show = (time: string) => `<${new Date(time).getUTCFullYear()}>`;
  expect(withTimes("Retry at 2026-11-22T01:00:05.000001Z.", show)).toBe("Retry at <2026>.");
  expect(withTimes("From 2026-11-22T01:00:05Z to 2027-01-01T00:00:00Z", show)).toBe("From <2026> to <2027>");
  expect(withTimes("Order over 2026.11 RUB, number 2026-11-22.", show)).toBe("Order over 2026.11 RUB, number 2026-11-22.");
});
