// What a shopper is offered or told about a cancel, under test.
import { expect, test } from "vitest";
import { NoValue } from "../api/answer";
import { cancelStanding } from "./cancelling";
import type { Order } from "./order";

const waiting: Order = {
  id: "a",
  user_id: "1",
  amount: "5.00",
  currency: "RUB",
  description: null,
  status: "NEW",
  reason: null,
  version: 1,
  created_at: "2026-11-22T01:00:00Z",
  updated_at: "2026-11-22T01:00:00Z",
  pay_before: "2026-11-22T01:15:00Z",
  cancel_requested_at: null,
};
const asked: Order = { ...waiting, version: 2, cancel_requested_at: "2026-11-22T01:01:00Z" };
const paid: Order = { ...waiting, status: "FINISHED", version: 2 };
const cancelled: Order = { ...asked, status: "CANCELLED", reason: "cancelled_by_user", version: 3 };
const tooPoor: Order = { ...waiting, status: "CANCELLED", reason: "insufficient_funds", version: 2 };

const problem = { type: "urn:gozon:problem:order_already_final", title: "", status: 409, detail: "", code: "order_already_final" };
const refused = new NoValue({ kind: "refused", status: 409, problem });
const lost = new NoValue({ kind: "lost", why: "overloaded", retryAfter: 1000 });

const idle = { asking: false, error: null };

test("only an order that is not decided, and that nobody has asked to cancel, can be cancelled", () => {
  expect([waiting, asked, paid, cancelled, tooPoor].map((order) => cancelStanding(order, idle))).toEqual(["possible", "asked", "none", "none", "none"]);
});

test("while the shop is being asked there is nothing to press", () => {
  expect(cancelStanding(waiting, { asking: true, error: null })).toBe("asking");
  expect(cancelStanding(waiting, { asking: true, error: lost })).toBe("asking");
});

test("what the order says is believed over what became of the try", () => {
  for (const error of [null, lost, refused]) {
    for (const asking of [true, false]) expect(cancelStanding(asked, { asking, error })).toBe("asked");
    expect(cancelStanding(cancelled, { asking: false, error })).toBe("none");
  }
  expect(cancelStanding(paid, { asking: false, error: lost })).toBe("none");
});

test("a lost answer may be asked for again", () => {
  expect(cancelStanding(waiting, { asking: false, error: lost })).toBe("failed");
});

test("a wish that came too late is said so, once the order tells what it became", () => {
  expect(cancelStanding(waiting, { asking: false, error: refused })).toBe("asking");
  expect([paid, tooPoor].map((order) => cancelStanding(order, { asking: false, error: refused }))).toEqual(["too_late", "too_late"]);
});
