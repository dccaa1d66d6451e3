// An order before it is one: what a person typed, checked by the contract's rules, and the body that is sent.
import { writeMoney } from "../money/money";
import { readTyped, type AmountFault } from "../money/typed";

export interface Draft {
  amount: string;
  description: string;
}

/** What is sent; the same words as the shop's NewOrder, with an amount that is always text. */
export interface OrderBody {
  amount: string;
  description?: string;
}

export const LONGEST_DESCRIPTION = 512;

/** Characters as the shop counts them: code points, so that an emoji is one and not two. */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

export interface DraftFaults {
  amount: AmountFault | null;
  /** How many characters there are, if these are too many. */
  description: number | null;
}

export function draftFaults({ amount, description }: Draft): DraftFaults {
  const typed = readTyped(amount);
  const count = countCharacters(description.trim());
  return {
    amount: typed.ok ? null : typed.fault,
    description: count > LONGEST_DESCRIPTION ? count : null,
  };
}

/** Null for a draft with faults. */
export function bodyOf({ amount, description }: Draft): OrderBody | null {
  const typed = readTyped(amount);
  if (!typed.ok) return null;
  const text = description.trim();
  return { amount: writeMoney(typed.money), ...(text === "" ? {} : { description: text }) };
}

export function isOrderBody(value: unknown): value is OrderBody {
  if (typeof value !== "object" || value === null) return false;
  const { amount, description } = value as Record<string, unknown>;
  return typeof amount === "string" && (description === undefined || typeof description === "string");
}
