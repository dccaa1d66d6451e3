// The stores under test: a browser that refuses to remember must not stop the page.
import { expect, test } from "vitest";
import { fakeStore } from "./fakeStore";
import { readJson, storeOver } from "./store";

const isText = (value: unknown): value is string => typeof value === "string";

test("a browser that blocks site data still remembers for as long as the page is open", () => {
  const store = storeOver(() => {
    throw new DOMException("denied", "SecurityError");
  });
  expect(store.get("a")).toBeNull();
  store.set("a", "1");
  expect(store.get("a")).toBe("1");
  store.remove("a");
  expect(store.get("a")).toBeNull();
});

test("a full quota keeps the newest value in memory", () => {
  let full = false;
  const kept = new Map<string, string>();
  const store = storeOver(() => ({
    getItem: (name) => kept.get(name) ?? null,
    setItem(name, value) {
      if (full) throw new DOMException("full", "QuotaExceededError");
      kept.set(name, value);
    },
    removeItem: (name) => void kept.delete(name),
  }));
  store.set("a", "old");
  full = true;
  store.set("a", "new");
  expect(store.get("a")).toBe("new");
  store.remove("a");
  expect(store.get("a")).toBeNull();
});

test("what another tab changed is seen", () => {
  const kept = new Map<string, string>();
  const store = storeOver(() => ({
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  }));
  store.set("a", "mine");
  kept.set("a", "theirs");
  expect(store.get("a")).toBe("theirs");
});

test("leftovers that are not what was meant are nothing", () => {
  const store = fakeStore();
  expect(readJson(store, "a", isText)).toBeNull();
  store.set("a", "{broken");
  expect(readJson(store, "a", isText)).toBeNull();
  store.set("a", "42");
  expect(readJson(store, "a", isText)).toBeNull();
  store.set("a", '"yes"');
  expect(readJson(store, "a", isText)).toBe("yes");
});
