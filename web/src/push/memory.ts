// What a tab remembers of one user's pushes across a reload: the cursor, what was told, and which orders are awaited.
// Absent: localStorage; two tabs each have their own place in the stream.
import { readJson, type Store } from "../remembering/store";

/** Order ids with a version each, oldest first. */
export type Versions = [id: string, version: number][];

export interface PushMemory {
  cursor: string | null;
  told: Versions;
  waiting: Versions;
}

/** Orders remembered of each kind; a shopper has few on their way, and only late repeats ask about old ones. */
const REMEMBERED = 300;

export class RememberedPush {
  readonly #store: Store;
  readonly #name: string;
  #memory: PushMemory;

  constructor(store: Store, user: string) {
    this.#store = store;
    this.#name = `gozon.push.${user}`;
    this.#memory = readJson(store, this.#name, isMemory) ?? { cursor: null, told: [], waiting: [] };
  }

  get now(): PushMemory {
    return this.#memory;
  }

  keep(changed: Partial<PushMemory>): void {
    const { cursor, told, waiting } = { ...this.#memory, ...changed };
    this.#memory = { cursor, told: told.slice(-REMEMBERED), waiting: waiting.slice(-REMEMBERED) };
    this.#store.set(this.#name, JSON.stringify(this.#memory));
  }
}

function isMemory(value: unknown): value is PushMemory {
  if (typeof value !== "object" || value === null) return false;
  const { cursor, told, waiting } = value as Record<string, unknown>;
  return (cursor === null || typeof cursor === "string") && isVersions(told) && isVersions(waiting);
}

function isVersions(value: unknown): value is Versions {
  return (
    Array.isArray(value) &&
    value.every((pair: unknown) => Array.isArray(pair) && typeof pair[0] === "string" && typeof pair[1] === "number")
  );
}
