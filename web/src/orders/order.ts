// The order as the shop describes it.
import type { components } from "../api/orders";

export type Order = components["schemas"]["Order"];
export type Status = Order["status"];
export const STATUSES: readonly Status[] = ["NEW", "FINISHED", "CANCELLED"];

const REASONS = ["insufficient_funds", "account_not_found", "cancelled_by_user", "payment_deadline"] as const;

/** What a shopper can do about a cancelled order, where there is anything. */
export type Advised = Exclude<(typeof REASONS)[number], "cancelled_by_user">;

export function isAdvised(reason: ReturnType<typeof knownReason>): reason is Advised {
  return reason !== null && reason !== "unknown" && reason !== "cancelled_by_user";
}

/** A reason that there are words for; a newer shop may have more reasons than this page. */
export function knownReason(reason: string | null): (typeof REASONS)[number] | "unknown" | null {
  if (reason === null) return null;
  return REASONS.find((known) => known === reason) ?? "unknown";
}
