// Asking under test: the page finds out without push, and does not ask when there is nothing to find out.
import { beforeEach, expect, test } from "vitest";
import { RememberedPush } from "../push/memory";
import type { Fact } from "../push/messages";
import { fakeStore } from "../remembering/fakeStore";
import { FakeClock } from "../time/fakeClock";
import { Asking } from "./asking";
import { KnownOrders } from "./known";

const placed = (id: string): Fact => ({ id, status: "NEW", reason: null, amount: "5.00", version: 1 });
const paid = (id: string): Fact => ({ ...placed(id), status: "FINISHED", version: 2 });

let clock: FakeClock;
let known: KnownOrders;
let told: string[];
let asked: number;
let missed: number;
let live: boolean;
let list: Fact[] | null;
let single: Fact | "gone" | null;
let asking: Asking;

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  asked = missed = 0;
  live = false;
  list = [];
  single = null;
  known = new KnownOrders(new RememberedPush(fakeStore(), "1"), ({ id }, tell) => {
    if (tell) told.push(id);
  });
  asking = new Asking({
    known,
    clock,
    live: () => live,
    list: () => {
      asked += 1;
      return Promise.resolve(list);
    },
    one: () => Promise.resolve(single),
    onMissed: () => (missed += 1),
  });
});

test("nothing awaited, nothing asked", async () => {
  asking.start();
  await clock.pass(600_000);
  expect(asked).toBe(0);
});

test("without push it asks every few seconds until the order is decided", async () => {
  known.hear(placed("a"), "list");
  asking.start();
  list = [placed("a")];
  await clock.pass(9_000);
  expect(asked).toBe(3);
  list = [paid("a")];
  await clock.pass(60_000);
  expect(told).toEqual(["a"]);
  expect(asked).toBe(4);
  expect(missed).toBe(0);
});

test("with push it asks rarely, and says when push should have known", async () => {
  live = true;
  known.hear(placed("a"), "list");
  asking.start();
  list = [paid("a")];
  await clock.pass(14_000);
  expect(asked).toBe(0);
  await clock.pass(1_000);
  expect(told).toEqual(["a"]);
  expect(missed).toBe(1);
});

test("a cancel that somebody asked for is learned from a list, and is nothing that push should have said", async () => {
  live = true;
  known.hear(placed("a"), "list");
  asking.start();
  list = [{ ...placed("a"), version: 2, cancel_requested_at: "2026-11-22T01:00:00Z" }];
  await clock.pass(15_000);
  expect(known.newest({ ...placed("a"), cancel_requested_at: null }).cancel_requested_at).toBe("2026-11-22T01:00:00Z");
  expect(missed).toBe(0);
  list = [];
  single = { ...paid("a"), version: 3 };
  await clock.pass(15_000);
  expect(missed).toBe(1);
});

test("a shop that cannot be asked is asked again", async () => {
  known.hear(placed("a"), "list");
  asking.start();
  list = null;
  await clock.pass(9_000);
  expect(asked).toBe(3);
});

test("an order that is not on the newest page is asked for by itself; one that is gone is forgotten", async () => {
  known.hear(placed("a"), "list");
  known.hear(placed("b"), "list");
  asking.start();
  single = paid("a");
  await clock.pass(3_000);
  expect(told).toEqual(["a"]);
  single = "gone";
  await clock.pass(3_000);
  expect(known.waiting).toEqual([]);
  expect(clock.waiting).toBe(0);
});

test("stopped, it asks no more", async () => {
  known.hear(placed("a"), "list");
  asking.start();
  asking.stop();
  await clock.pass(60_000);
  expect(asked).toBe(0);
});
