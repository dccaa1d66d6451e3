// What can become of a call: the shop did it, the shop refused it, or nobody knows.
// The third is what idempotency keys are for: a lost answer is never told as a refusal.
import type { components } from "./orders";

export type Problem = components["schemas"]["ProblemBody"];

/** The answer to a call in the name of somebody who is not signed in: who is. */
export const MISMATCH = "user_mismatch";

/** Why there is no answer. `network`: none came in time or at all; `server`: 5xx, or an answer that makes no sense. */
export type LostWhy = "network" | "server" | "overloaded";

export type Answer<T> =
  | { kind: "done"; value: T }
  | { kind: "refused"; status: number; problem: Problem | null }
  | { kind: "lost"; why: LostWhy; retryAfter: number | null };

/** A call that brought no value, for the query cache, which knows failures as thrown errors. */
export class NoValue extends Error {
  readonly answer: Exclude<Answer<never>, { kind: "done" }>;

  constructor(answer: Exclude<Answer<never>, { kind: "done" }>) {
    super(answer.kind === "refused" ? `refused: ${answer.problem?.code ?? answer.status}` : `lost: ${answer.why}`);
    this.answer = answer;
  }

  get code(): string | null {
    return this.answer.kind === "refused" ? (this.answer.problem?.code ?? null) : null;
  }
}

export function valueOf<T>(answer: Answer<T>): T {
  if (answer.kind === "done") return answer.value;
  throw new NoValue(answer);
}

// Said by something in the middle or by a full house: the same request may well succeed later.
const NOT_NOW = new Set([408, 425, 429]);

/** Reads an HTTP answer; `now` is for a Retry-After that is a date. */
export async function readAnswer<T>(response: Response, now: number): Promise<Answer<T>> {
  const retryAfter = readRetryAfter(response.headers.get("Retry-After"), now);
  if (response.status >= 500 || NOT_NOW.has(response.status)) {
    return { kind: "lost", why: response.status === 503 || response.status === 429 ? "overloaded" : "server", retryAfter };
  }
  if (!response.ok) {
    return { kind: "refused", status: response.status, problem: await readProblem(response) };
  }
  try {
    return { kind: "done", value: (await response.json()) as T };
  } catch {
    // Cut off halfway, or a stranger's page: done or not, it is not known.
    return { kind: "lost", why: "server", retryAfter };
  }
}

/** Only the shop's own: whoever stands before it (a sign-in, a proxy) may refuse as well, and has decided nothing about the request. */
async function readProblem(response: Response): Promise<Problem | null> {
  const type = response.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/problem+json") return null;
  try {
    const body: unknown = await response.json();
    const own = typeof body === "object" && body !== null && "code" in body && CODES.has(body.code);
    return own ? (body as Problem) : null;
  } catch {
    return null;
  }
}

/** The codes of the contract that come with a 4xx. */
const CODES = new Set<unknown>([
  "missing_user_id",
  "invalid_user_id",
  "malformed_json",
  "invalid_cursor",
  "invalid_limit",
  "invalid_status",
  "invalid_order_id",
  "invalid_idempotency_key",
  "origin_not_allowed",
  "not_found",
  "order_not_found",
  "account_not_found",
  "method_not_allowed",
  "payload_too_large",
  "uri_too_long",
  "unsupported_media_type",
  "account_exists",
  "order_already_final",
  "user_mismatch",
  "invalid_amount",
  "invalid_description",
  "balance_limit_exceeded",
  "idempotency_key_reused",
  "unknown_field",
  "upgrade_required",
  "request_header_fields_too_large",
]);

/** Milliseconds from now: the header holds seconds or a date (RFC 9110, 10.2.3). */
export function readRetryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
