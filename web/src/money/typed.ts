// An amount as a person types it: with a point or a comma, with or without spaces between thousands.
// Absent: guessing. "1,000" has three decimals and is refused, rather than taken for one or for a thousand.
import { minor, type Money } from "./money";

/** The contract's largest amount, 1000000000000.00. */
export const LARGEST = minor(100_000_000_000_000n);

export type AmountFault = "empty" | "not_a_number" | "too_many_decimals" | "not_positive" | "too_large";
export type TypedAmount = { ok: true; money: Money } | { ok: false; fault: AmountFault };

// Spaces (also the no-break kinds that Intl writes) are fine where they stand between groups of three digits.
const WHOLE = /^(?:\d+|\d{1,3}(?:[ \u00a0\u202f]\d{3})+)$/;

export function readTyped(text: string): TypedAmount {
  const trimmed = text.trim();
  if (trimmed === "") return fault("empty");
  const negative = /^[-\u2212]/.test(trimmed);
  const [whole = "", decimals, ...more] = (negative ? trimmed.slice(1).trimStart() : trimmed).split(/[.,]/);
  if (more.length > 0 || !WHOLE.test(whole)) return fault("not_a_number");
  if (decimals !== undefined && !/^\d+$/.test(decimals)) return fault("not_a_number");
  if (negative) return fault("not_positive");
  if (decimals !== undefined && decimals.length > 2) return fault("too_many_decimals");
  const digits = whole.replace(/[ \u00a0\u202f]/g, "");
  const money = minor(BigInt(digits + (decimals ?? "").padEnd(2, "0")));
  if (money <= 0n) return fault("not_positive");
  if (money > LARGEST) return fault("too_large");
  return { ok: true, money };
}

function fault(kind: AmountFault): TypedAmount {
  return { ok: false, fault: kind };
}
