// What went wrong, in words: by the problem's stable code, and in the shop's own words where there is no better.
import { NoValue, type Answer } from "../api/answer";
import type { en } from "./en";
import type { Words } from "./setup";

type Code = keyof (typeof en)["problem"]["code"];

// A list rather than a look into the texts, so that `toString` and the like are no codes.
const CODES: Record<Code, true> = {
  invalid_amount: true,
  invalid_description: true,
  balance_limit_exceeded: true,
  account_not_found: true,
  account_exists: true,
  order_not_found: true,
  order_already_final: true,
  invalid_user_id: true,
  payload_too_large: true,
  idempotency_key_reused: true,
};

function isCode(code: string): code is Code {
  return Object.hasOwn(CODES, code);
}

export function problemInWords(failed: Exclude<Answer<never>, { kind: "done" }>, t: Words): string {
  if (failed.kind === "lost") return t(`problem.${failed.why}`);
  const code = failed.problem?.code ?? "";
  if (isCode(code)) return t(`problem.code.${code}`);
  return t("problem.other", { detail: failed.problem?.detail ?? String(failed.status) });
}

export function errorInWords(error: unknown, t: Words): string {
  return error instanceof NoValue ? problemInWords(error.answer, t) : t("problem.server");
}
