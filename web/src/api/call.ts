// The one door to the shop: a fetch whose paths, queries, bodies and answers are the OpenAPI documents' own.
// Absent: any other origin, retries (the query cache and the outbox decide about those) and thrown errors.
import { Watched } from "../watching/watched";
import { MISMATCH, readAnswer, type Answer } from "./answer";
import type { paths as OrdersPaths } from "./orders";
import type { paths as PaymentsPaths } from "./payments";

type Paths = OrdersPaths & PaymentsPaths;
export type Path = keyof Paths;
type Method = "get" | "post";

type Json<R> = R extends { content: { "application/json": infer B } } ? B : never;
type Good<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202)]> : never;
type BodyOf<O> = O extends { requestBody?: infer B } ? Json<NonNullable<B>> : never;
type Query<O> = O extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;

export interface Details<O> {
  user: string;
  query?: Query<O>;
  body?: BodyOf<O>;
  /** What stands for `{id}` in the path. */
  id?: string;
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** An answer that takes longer is as good as lost; the shop itself answers or gives up well before. */
const PATIENCE = 15_000;

/** Whether the last call reached the shop at all. */
export const reachable = new Watched(true);

/** Who is signed in, as the shop has said when it refused a call in another's name; null until it has. */
export const signedIn = new Watched<string | null>(null);

export async function call<P extends Path, M extends Method & keyof Paths[P]>(
  method: M,
  path: P,
  details: Details<Paths[P][M]>,
): Promise<Answer<Good<Paths[P][M]>>> {
  try {
    const response = await fetch(addressOf(path, details.id, details.query), request(method, details));
    const answer = await readAnswer<Good<Paths[P][M]>>(response, Date.now());
    reachable.set(!(answer.kind === "lost" && answer.why === "server"));
    if (answer.kind === "refused" && answer.problem?.code === MISMATCH) signedIn.set(answer.problem.user_id ?? null);
    return answer;
  } catch (error) {
    // Called off by the page itself (the screen moved on): says nothing about the connection.
    if (details.signal?.aborted !== true) reachable.set(false);
    if (error instanceof DOMException || error instanceof TypeError) {
      return { kind: "lost", why: "network", retryAfter: null };
    }
    throw error;
  }
}

function request<O>(method: Method, details: Details<O>): RequestInit {
  const body: unknown = details.body;
  // What stands before the shop says who is signed in, and overwrites the first; the second tells the shop whom this page means.
  const headers = new Headers({ "X-User-Id": details.user, "X-Expected-User-Id": details.user, Accept: "application/json" });
  if (details.idempotencyKey !== undefined) headers.set("Idempotency-Key", details.idempotencyKey);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const patience = AbortSignal.timeout(PATIENCE);
  return {
    method: method.toUpperCase(),
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: details.signal ? AbortSignal.any([details.signal, patience]) : patience,
    cache: "no-store",
    redirect: "error",
  };
}

export function addressOf(path: string, id: string | undefined, query: object | undefined): string {
  const filled = path.replace("{id}", () => encodeURIComponent(id ?? ""));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (typeof value === "string" || typeof value === "number") search.set(name, String(value));
  }
  const text = search.toString();
  return text === "" ? filled : `${filled}?${text}`;
}
