// The outbox under test: one intention, one key, however many clicks, reloads and lost answers.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { answerLast, clock, done, keptNow, lost, OLD_SLOT, open, refused, reset, sent, SLOT, store } from "./fixture";
import { newKey } from "./key";
import { Outbox } from "./outbox";

beforeEach(reset);

describe("one request", () => {
  test("is kept with its key before it is sent", () => {
    let keptBefore: string | null = null;
    const outbox = new Outbox<string, string>({
      store,
      slot: SLOT,
      oldSlot: OLD_SLOT,
      isBody: (value): value is string => typeof value === "string",
      send: () => {
        keptBefore = store.get(SLOT);
        return new Promise(() => undefined);
      },
      clock,
      chance: () => 0,
      newKey: () => "k",
      onDone: () => undefined,
    });
    outbox.start();
    outbox.confirm(true);
    expect(outbox.submit("tea")).toBe(true);
    expect(keptBefore).toBe('{"key":"k","body":"tea","at":1000000}');
  });

  test("an answer ends it", async () => {
    const outbox = open();
    outbox.submit("tea");
    await answerLast({ kind: "done", value: "order 1" });
    expect(done).toEqual(["order 1"]);
    expect(outbox.state.get()).toEqual({ at: "idle", ended: { how: "done" } });
    expect(store.kept.size).toBe(0);
  });

  test("a double click sends one", async () => {
    const outbox = open();
    expect(outbox.submit("tea")).toBe(true);
    expect(outbox.submit("tea")).toBe(false);
    await answerLast(lost);
    expect(outbox.submit("tea")).toBe(false);
    expect(sent).toHaveLength(1);
  });

  test("a refusal ends it and is there for the form to show; the next one has a new key", async () => {
    const outbox = open();
    outbox.submit("tea");
    await answerLast(refused);
    expect(outbox.state.get()).toMatchObject({ at: "idle", ended: { how: "refused", status: 422, problem: { code: "invalid_amount" } } });
    expect(store.kept.size).toBe(0);
    outbox.submit("coffee");
    expect(sent.map(({ key }) => key)).toEqual(["key-1", "key-2"]);
  });
});

describe("a lost answer", () => {
  test("is asked for again with the same key, less and less often, until it comes", async () => {
    const outbox = open();
    outbox.submit("tea");
    const times: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const before = clock.now();
      await answerLast(lost);
      while (outbox.state.get().at === "waiting") await clock.pass(250);
      times.push(clock.now() - before);
    }
    await answerLast({ kind: "done", value: "order 1" });
    expect(times).toEqual([750, 1500, 3000, 6000, 12000, 22500, 22500, 22500]);
    expect(new Set(sent.map(({ key, body }) => `${key} ${body}`))).toEqual(new Set(["key-1 tea"]));
    expect(done).toEqual(["order 1"]);
    expect(clock.waiting).toBe(0);
  });

  test("waits as long as an overloaded shop asks for", async () => {
    const outbox = open();
    outbox.submit("tea");
    await answerLast({ kind: "lost", why: "overloaded", retryAfter: 9_000 });
    await clock.pass(8_999);
    expect(sent).toHaveLength(1);
    await clock.pass(1);
    expect(sent).toHaveLength(2);
    expect(outbox.state.get()).toMatchObject({ at: "sending", tries: 2 });
  });

  test("is asked for at once when the network is back", async () => {
    const outbox = open();
    outbox.submit("tea");
    await answerLast(lost);
    outbox.tryNow();
    outbox.tryNow();
    expect(sent).toHaveLength(2);
    expect(clock.waiting).toBe(0);
  });

  test("can be given up", async () => {
    const outbox = open();
    outbox.submit("tea");
    await answerLast(lost);
    outbox.abandon();
    expect(outbox.state.get()).toEqual({ at: "idle", ended: { how: "abandoned" } });
    expect(store.kept.size).toBe(0);
    await clock.pass(60_000);
    expect(sent).toHaveLength(1);
  });
});

describe("a reload", () => {
  test("in the middle goes on with the same key", async () => {
    open().submit("tea");
    const after = open();
    expect(after.state.get()).toMatchObject({ at: "sending", pending: { key: "key-1", body: "tea" } });
    await answerLast({ kind: "done", value: "order 1" });
    expect(sent.map(({ key }) => key)).toEqual(["key-1", "key-1"]);
    expect(done).toEqual(["order 1"]);
    expect(store.kept.size).toBe(0);
  });

  test("finds nothing of what it cannot read", () => {
    for (const leftover of ["{", "null", '{"key":1,"body":"tea"}', '{"key":"k","body":7}']) {
      store.set(SLOT, leftover);
      expect(open().state.get().at).toBe("idle");
    }
    expect(sent).toHaveLength(0);
  });

  test("after a stop nothing is retried, but an answer that still comes is taken off the shelf", async () => {
    const outbox = open();
    outbox.submit("tea");
    outbox.stop();
    await answerLast({ kind: "done", value: "order 1" });
    expect(store.kept.size).toBe(0);
    expect(done).toEqual([]);
    outbox.start();
    outbox.submit("coffee");
    outbox.stop();
    await answerLast(lost);
    await clock.pass(60_000);
    expect(sent).toHaveLength(2);
    expect(store.kept.size).toBe(1);
  });
});

describe("another tab", () => {
  test("its request is shown, left to it, and finished here if that tab dies", async () => {
    const outbox = open();
    store.set(SLOT, keptNow("theirs"));
    outbox.noticeStore();
    expect(outbox.state.get()).toMatchObject({ at: "waiting", why: "another_tab" });
    expect(outbox.submit("coffee")).toBe(false);
    await clock.pass(20_000);
    expect(sent.map(({ key }) => key)).toEqual(["theirs"]);
  });

  test("its answer frees this one", () => {
    const outbox = open();
    store.set(SLOT, keptNow("theirs"));
    outbox.noticeStore();
    store.remove(SLOT);
    outbox.noticeStore();
    expect(outbox.state.get()).toEqual({ at: "idle", ended: { how: "elsewhere" } });
    expect(outbox.submit("coffee")).toBe(true);
  });

  test("a late answer here does not take its newer request off the shelf", async () => {
    const outbox = open();
    outbox.submit("tea");
    store.set(SLOT, keptNow("theirs", "coffee"));
    await answerLast({ kind: "done", value: "order 1" });
    expect(store.get(SLOT)).toContain("theirs");
    expect(outbox.submit("cake")).toBe(false);
  });
});

describe("keys", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  test("are UUIDs, with randomUUID and without", () => {
    const withoutUuid = { getRandomValues: crypto.getRandomValues.bind(crypto) };
    const made = new Set<string>();
    for (let round = 0; round < 500; round += 1) {
      for (const key of [newKey(), newKey(withoutUuid)]) {
        expect(key).toMatch(uuid);
        made.add(key);
      }
    }
    expect(made.size).toBe(1000);
  });

  test("the browser's own maker is used where there is one", () => {
    const randomUUID = vi.fn(() => "0-0-0-0-0" as const);
    expect(newKey({ getRandomValues: crypto.getRandomValues.bind(crypto), randomUUID })).toBe("0-0-0-0-0");
  });
});
