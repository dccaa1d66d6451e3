// The words of the WebSocket, read from text. What is not understood is skipped: a newer shop may say more.
import type { components } from "../api/orders";

type Order = components["schemas"]["Order"];

/** What is known of an order at one version; lists, snapshots and updates all tell it. */
export interface Fact {
  id: string;
  status: Order["status"];
  reason: Order["reason"];
  amount: string;
  version: number;
  /** Lists say when somebody asked to cancel it; push, which speaks of final orders, does not. */
  cancel_requested_at?: Order["cancel_requested_at"];
}

export type PushMessage =
  | { type: "snapshot" | "update"; fact: Fact; cursor: string }
  | { type: "ready"; user: string | null; cursor: string };

const STATUSES = new Set<unknown>(["NEW", "FINISHED", "CANCELLED"]);

export function readMessage(data: unknown): PushMessage | null {
  const message = typeof data === "string" ? parsed(data) : null;
  if (!message || typeof message.cursor !== "string") return null;
  const { type, cursor } = message;
  if (type === "ready") return { type, user: typeof message.user_id === "string" ? message.user_id : null, cursor };
  if (type !== "snapshot" && type !== "update") return null;
  const fact = readFact(message);
  return fact && { type, fact, cursor };
}

function readFact({ order_id, status, reason, amount, version }: Record<string, unknown>): Fact | null {
  const understood =
    typeof order_id === "string" &&
    STATUSES.has(status) &&
    (reason === null || reason === undefined || typeof reason === "string") &&
    typeof amount === "string" &&
    Number.isSafeInteger(version);
  if (!understood) return null;
  return {
    id: order_id,
    status: status as Fact["status"],
    // A reason that this page has no words for is shown as an unknown one.
    reason: (reason ?? null) as Fact["reason"],
    amount,
    version: version as number,
  };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
