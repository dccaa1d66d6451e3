// What the browser remembers: localStorage and sessionStorage that never throw.
// In a private window, or when the quota is full, things are remembered until the page is closed.

export interface Store {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
}

type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** `open` may throw: a browser that blocks site data throws on the mere mention of `localStorage`. */
export function storeOver(open: () => Kept): Store {
  // Only what the browser refused to keep; what it keeps is read from it, since another tab may have changed it.
  const refused = new Map<string, string>();
  const attempt = <T>(act: (kept: Kept) => T, otherwise: T): T => {
    try {
      return act(open());
    } catch {
      return otherwise;
    }
  };
  return {
    get: (name) => refused.get(name) ?? attempt((kept) => kept.getItem(name), null),
    set(name, value) {
      const done = attempt((kept) => (kept.setItem(name, value), true), false);
      if (done) refused.delete(name);
      else refused.set(name, value);
    },
    remove(name) {
      refused.delete(name);
      attempt((kept) => kept.removeItem(name), undefined);
    },
  };
}

/** Shared by all tabs, outlives the browser. */
export const forGood = storeOver(() => localStorage);
/** This tab's, outlives a reload. */
export const forThisTab = storeOver(() => sessionStorage);

/** Reads JSON that `accept` recognises; anything else, also somebody else's leftovers, is nothing. */
export function readJson<T>(store: Store, name: string, accept: (value: unknown) => value is T): T | null {
  const text = store.get(name);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return accept(value) ? value : null;
  } catch {
    return null;
  }
}
