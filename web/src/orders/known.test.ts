// What the tab knows, under test: only forward, and each change told once, whatever comes how often and in which order.
import { beforeEach, expect, test } from "vitest";
import { RememberedPush } from "../push/memory";
import type { Fact } from "../push/messages";
import { fakeStore } from "../remembering/fakeStore";
import { KnownOrders } from "./known";

let tab: ReturnType<typeof fakeStore>;
let told: string[];
let news: number;

const open = () =>
  new KnownOrders(new RememberedPush(tab, "1"), ({ id, version }, tell) => {
    news += 1;
    if (tell) told.push(`${id}@${version}`);
  });

const placed = (id: string): Fact => ({ id, status: "NEW", reason: null, amount: "5.00", version: 1 });
const paid = (id: string): Fact => ({ ...placed(id), status: "FINISHED", version: 2 });

beforeEach(() => {
  tab = fakeStore();
  told = [];
  news = 0;
});

test("a change is told once, however often it comes and from wherever", () => {
  const known = open();
  known.hear(placed("a"), "list");
  known.hear(paid("a"), "push");
  known.hear(paid("a"), "push");
  known.hear(paid("a"), "list");
  expect(told).toEqual(["a@2"]);
  expect(news).toBe(1);
});

test("a list that notices the change first tells it, and the push after it does not", () => {
  const known = open();
  known.hear(placed("a"), "list");
  expect(known.waiting).toEqual(["a"]);
  known.hear(paid("a"), "list");
  known.hear(paid("a"), "push");
  expect(told).toEqual(["a@2"]);
  expect(known.waiting).toEqual([]);
});

test("an order that was paid before it was first seen in a list is no news", () => {
  const known = open();
  expect(known.hear(paid("a"), "list")).toBe(false);
  known.hear(paid("a"), "push");
  expect(told).toEqual([]);
});

test("a push about an order of another tab is told", () => {
  open().hear(paid("a"), "push");
  expect(told).toEqual(["a@2"]);
});

test("a push that overtakes the answer to placing is told once, and the answer does not bring NEW back", () => {
  const known = open();
  known.hear(paid("a"), "push");
  known.hear(placed("a"), "list");
  expect(known.newest({ ...placed("a") }).status).toBe("FINISHED");
  expect(known.waiting).toEqual([]);
  expect(told).toEqual(["a@2"]);
});

test("an older version never overwrites a newer one, in any order of arrival", () => {
  const facts = [placed("a"), { ...placed("a"), version: 2 }, { ...paid("a"), version: 3 }];
  for (const order of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
    for (const source of ["list", "push"] as const) {
      tab = fakeStore();
      const known = open();
      for (const index of order) known.hear(facts[index] ?? placed("a"), source);
      expect(known.newest(placed("a"))).toMatchObject({ status: "FINISHED", version: 3 });
    }
  }
});

test("a slow list is drawn with what is known by now, a quick one is left alone", () => {
  const known = open();
  known.hear(paid("a"), "push");
  expect(known.newest({ ...placed("a"), description: "x" })).toEqual({ ...paid("a"), description: "x" });
  const newer = { ...paid("a"), version: 9 };
  expect(known.newest(newer)).toBe(newer);
});

test("that a cancel was asked for is known from lists, and a push, which does not say it, does not take it back", () => {
  const known = open();
  const cancel_requested_at = "2026-11-22T01:00:00Z";
  const listed = { ...placed("a"), cancel_requested_at: null };
  known.hear({ ...listed, version: 2, cancel_requested_at }, "list");
  expect(known.newest(listed)).toMatchObject({ version: 2, cancel_requested_at });
  known.hear({ ...paid("a"), version: 3 }, "push");
  expect(known.newest({ ...listed, version: 2, cancel_requested_at })).toMatchObject({ version: 3, cancel_requested_at });
});

test("after a reload what was told is not told again", () => {
  const before = open();
  before.hear(placed("a"), "list");
  before.hear(paid("a"), "push");
  open().hear(paid("a"), "push");
  expect(told).toEqual(["a@2"]);
});

test("an order that was awaited before a reload is told, by list or by push, once", () => {
  open().hear(placed("a"), "list");
  const after = open();
  expect(after.waiting).toEqual(["a"]);
  after.hear(paid("a"), "list");
  after.hear(paid("a"), "push");
  expect(told).toEqual(["a@2"]);
});

test("a change that is not final is no toast", () => {
  const known = open();
  known.hear(placed("a"), "list");
  expect(known.hear({ ...placed("a"), version: 2 }, "push")).toBe(true);
  expect(told).toEqual([]);
  expect(known.waiting).toEqual(["a"]);
});

test("an order that the shop forgot is awaited no more", () => {
  const known = open();
  known.hear(placed("a"), "list");
  known.forget("a");
  expect(open().waiting).toEqual([]);
});

test("what is remembered stays small, and another page's leftovers are ignored", () => {
  const known = open();
  for (let order = 0; order < 1_000; order += 1) known.hear(paid(`${order}`), "push");
  expect(new RememberedPush(tab, "1").now.told).toHaveLength(300);
  tab.set("gozon.push.1", '{"cursor":7}');
  expect(open().waiting).toEqual([]);
});
