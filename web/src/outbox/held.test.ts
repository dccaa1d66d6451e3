// The outbox under test: whose request it is, and whether it is still meant.
import { beforeEach, expect, test } from "vitest";
import type { Answer } from "../api/answer";
import { answerLast, clock, keptNow, lost, mismatch, OLD_SLOT, open, openUnconfirmed, reset, sent, SLOT, store } from "./fixture";

beforeEach(reset);

test("until the shop has said so, nothing is taken and nothing is sent", async () => {
  const outbox = openUnconfirmed();
  expect(outbox.submit("tea")).toBe(false);
  store.set(SLOT, keptNow("left"));
  const after = openUnconfirmed();
  expect(after.state.get()).toMatchObject({ at: "waiting", why: "unconfirmed" });
  after.tryNow();
  await clock.pass(60_000);
  expect(sent).toHaveLength(0);
  after.confirm(true);
  expect(sent.map(({ key }) => key)).toEqual(["left"]);
});

test("while it is asked again, a lost answer is not", async () => {
  const outbox = open();
  outbox.submit("tea");
  outbox.confirm(false);
  await answerLast(lost);
  await clock.pass(60_000);
  expect(sent).toHaveLength(1);
  outbox.confirm(true);
  expect(sent).toHaveLength(2);
});

test.each([
  ["a sign-in", { kind: "refused", status: 401, problem: null }],
  ["a proxy", { kind: "refused", status: 403, problem: null }],
] satisfies [string, Answer<string>][])("%s before the shop ends nothing", async (_who, answer) => {
  const outbox = open();
  outbox.submit("tea");
  await answerLast(answer);
  expect(outbox.state.get()).toMatchObject({ at: "waiting", why: "server" });
  await clock.pass(1_000);
  expect(sent.map(({ key }) => key)).toEqual(["key-1", "key-1"]);
});

test("what met somebody else is held, through reloads, until its user sends it once more", async () => {
  const outbox = open();
  outbox.submit("tea");
  await answerLast(mismatch);
  expect(outbox.state.get()).toMatchObject({ at: "held", pending: { key: "key-1" } });
  const after = open();
  await clock.pass(60_000);
  after.tryNow();
  expect(after.state.get().at).toBe("held");
  expect(after.submit("coffee")).toBe(false);
  expect(sent).toHaveLength(1);
  after.release();
  expect(sent.map(({ key }) => key)).toEqual(["key-1", "key-1"]);
  await answerLast({ kind: "done", value: "order 1" });
  expect(store.kept.size).toBe(0);
});

test("an answer about somebody else that comes after the page has moved on is remembered", async () => {
  const outbox = open();
  outbox.submit("tea");
  outbox.stop();
  await answerLast(mismatch);
  expect(open().state.get().at).toBe("held");
});

test("what is older than ten minutes, or from the future, is held", async () => {
  store.set(SLOT, keptNow("young"));
  await clock.pass(10 * 60_000);
  expect(open().state.get().at).toBe("sending");
  await clock.pass(1);
  expect(open().state.get()).toMatchObject({ at: "held", pending: { key: "young" } });
  store.set(SLOT, JSON.stringify({ key: "k", body: "tea", at: clock.now() + 11 * 60_000 }));
  expect(open().state.get().at).toBe("held");
});

test("a request that is tried for ten minutes is held from then on", async () => {
  const outbox = open();
  outbox.submit("tea");
  for (let round = 0; outbox.state.get().at !== "held" && round < 100; round += 1) {
    await answerLast(lost);
    await clock.pass(30_000);
  }
  expect(outbox.state.get().at).toBe("held");
  const tries = sent.length;
  await clock.pass(60_000);
  expect(sent).toHaveLength(tries);
});

test("whoever has only just been found out finds what they kept held", () => {
  store.set(SLOT, keptNow("left"));
  expect(open(true).state.get().at).toBe("held");
  expect(sent).toHaveLength(0);
});

test("what is held can be discarded", () => {
  store.set(SLOT, keptNow("left"));
  const outbox = open(true);
  outbox.abandon();
  expect(store.kept.size).toBe(0);
  expect(outbox.submit("coffee")).toBe(true);
});

test("what older pages kept is taken from them and held", () => {
  store.set(OLD_SLOT, '{"key":"old","body":"tea"}');
  expect(open().state.get()).toMatchObject({ at: "held", pending: { key: "old" } });
  expect(store.get(OLD_SLOT)).toBeNull();
  expect(store.get(SLOT)).toContain("old");
  expect(sent).toHaveLength(0);
});

test("what older pages kept waits there while there is something newer", () => {
  store.set(OLD_SLOT, '{"key":"old","body":"tea"}');
  store.set(SLOT, keptNow("new"));
  open();
  expect(sent.map(({ key }) => key)).toEqual(["new"]);
  expect(store.get(OLD_SLOT)).not.toBeNull();
});

test("what another tab holds is held here, and what it releases is left to it", () => {
  const outbox = open();
  store.set(SLOT, JSON.stringify({ key: "theirs", body: "tea", at: clock.now(), held: true }));
  outbox.noticeStore();
  expect(outbox.state.get().at).toBe("held");
  store.set(SLOT, keptNow("theirs"));
  outbox.noticeStore();
  expect(outbox.state.get()).toMatchObject({ at: "waiting", why: "another_tab" });
});
