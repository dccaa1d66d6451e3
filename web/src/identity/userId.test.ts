// User ids under test: the contract's rules, and what this browser remembers.
import { expect, test } from "vitest";
import { fakeStore } from "../remembering/fakeStore";
import { recentUsers, rememberedUser, rememberUser, userIdFault } from "./userId";

test.each(["1", "user-1", "0198c1f0-7e3c-7a10-9f00-3c5a1b2d4e6f", "!", "~", "x".repeat(128), "a/b?c&d=e#f"])("%j is an id", (id) => {
  expect(userIdFault(id)).toBeNull();
});

test.each([
  ["", "empty"],
  ["x".repeat(129), "too_long"],
  [" ", "characters"],
  ["a b", "characters"],
  ["юзер", "characters"],
  ["a\n", "characters"],
  ["a\u007f", "characters"],
])("%j is none: %s", (id, fault) => {
  expect(userIdFault(id)).toBe(fault);
});

test("the last user is remembered, and the last five for switching", () => {
  const store = fakeStore();
  expect(rememberedUser(store)).toBeNull();
  for (const id of ["a", "b", "c", "a", "d", "e", "f"]) rememberUser(store, id);
  expect(rememberedUser(store)).toBe("f");
  expect(recentUsers(store)).toEqual(["f", "e", "d", "a", "c"]);
  rememberUser(store, null);
  expect(rememberedUser(store)).toBeNull();
});

test("leftovers that are no ids are nothing", () => {
  const store = fakeStore();
  store.set("gozon.user", "a b");
  store.set("gozon.users", '["a b"]');
  expect(rememberedUser(store)).toBeNull();
  expect(recentUsers(store)).toEqual([]);
});
