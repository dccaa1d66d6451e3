// A user id by the contract: 1 to 128 visible ASCII characters, opaque. And the ids used in this browser.
import { readJson, type Store } from "../remembering/store";

export type UserIdFault = "empty" | "too_long" | "characters";

export function userIdFault(text: string): UserIdFault | null {
  if (text === "") return "empty";
  if (!/^[\x21-\x7e]*$/.test(text)) return "characters";
  return text.length > 128 ? "too_long" : null;
}

const CURRENT = "gozon.user";
const RECENT = "gozon.users";
const RECENT_KEPT = 5;

/** Who the page acted for last; null for nobody, or for a leftover that is no id. */
export function rememberedUser(store: Store): string | null {
  const user = store.get(CURRENT);
  return user !== null && userIdFault(user) === null ? user : null;
}

export function recentUsers(store: Store): string[] {
  const isIds = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((id) => typeof id === "string" && userIdFault(id) === null);
  return readJson(store, RECENT, isIds) ?? [];
}

export function rememberUser(store: Store, user: string | null): void {
  if (user === null) {
    store.remove(CURRENT);
    return;
  }
  store.set(CURRENT, user);
  const recent = [user, ...recentUsers(store).filter((other) => other !== user)];
  store.set(RECENT, JSON.stringify(recent.slice(0, RECENT_KEPT)));
}
