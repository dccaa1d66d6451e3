// Where an order stands between a shopper and a cancel, decided from the order and the last try.
// Absent: asking, and drawing. The order alone is believed; a try only says what is not in it yet.
import { NoValue } from "../api/answer";
import type { Order } from "./order";

/** The last try to cancel it: under way, failed, or none of note. */
export interface CancelTry {
  asking: boolean;
  error: unknown;
}

export type CancelStanding =
  /** Nothing to cancel, and nothing to say about it. */
  | "none"
  /** It can be cancelled. */
  | "possible"
  /** The shop is being asked, and has not answered. */
  | "asking"
  /** The shop has been asked, here or elsewhere; payments decides. */
  | "asked"
  /** The order was decided otherwise before the wish arrived. */
  | "too_late"
  /** Nobody knows whether the wish arrived; asking again does no harm. */
  | "failed";

export function cancelStanding(order: Pick<Order, "status" | "reason" | "cancel_requested_at">, { asking, error }: CancelTry): CancelStanding {
  const tooLate = error instanceof NoValue && error.code === "order_already_final";
  if (order.status !== "NEW") {
    // A lost answer that is asked for again finds an order that this very wish has cancelled.
    return tooLate && order.reason !== "cancelled_by_user" ? "too_late" : "none";
  }
  if (order.cancel_requested_at !== null) return "asked";
  if (asking) return "asking";
  // The order itself is about to say what it is: it is read again after such a refusal.
  if (tooLate) return "asking";
  return error ? "failed" : "possible";
}
