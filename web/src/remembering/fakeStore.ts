// A store for tests: a map that survives a "reload" by being handed to the next machine. Absent from the built page.
import type { Store } from "./store";

export function fakeStore(): Store & { kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    get: (name) => kept.get(name) ?? null,
    set: (name, value) => void kept.set(name, value),
    remove: (name) => void kept.delete(name),
  };
}
