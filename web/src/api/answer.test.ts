// Reading answers under test: what is done, what is refused, and what nobody can know.
import { expect, test } from "vitest";
import { NoValue, readAnswer, readRetryAfter, valueOf } from "./answer";
import { addressOf } from "./call";

const read = (response: Response) => readAnswer<{ id: string }>(response, 0);
const problem = { type: "urn:x", title: "t", status: 422, detail: "d", code: "invalid_amount" };

const shops = (body: object, type = "application/problem+json") =>
  new Response(JSON.stringify(body), { status: 422, headers: { "Content-Type": type } });

test("a good answer is done", async () => {
  expect(await read(Response.json({ id: "1" }, { status: 201 }))).toEqual({ kind: "done", value: { id: "1" } });
});

test("a 4xx is a refusal, with the shop's problem where there is one", async () => {
  expect(await read(shops(problem))).toEqual({ kind: "refused", status: 422, problem });
  expect(await read(new Response("<html>", { status: 404 }))).toEqual({ kind: "refused", status: 404, problem: null });
});

test.each([
  ["of another type", shops(problem, "application/json")],
  ["with a code that is none of the shop's", shops({ ...problem, code: "session_expired" })],
  ["without a code", shops({ error: "sign in" })],
])("a refusal %s is not the shop's own", async (_what, response) => {
  expect(await read(response)).toEqual({ kind: "refused", status: 422, problem: null });
});

test("a type with parameters is the type", async () => {
  expect(await read(shops(problem, "Application/Problem+JSON; charset=utf-8"))).toMatchObject({ problem });
});

test.each([500, 502, 504, 408, 425])("%i leaves it open", async (status) => {
  expect(await read(new Response("", { status }))).toEqual({ kind: "lost", why: "server", retryAfter: null });
});

test("an overloaded shop says when to come back", async () => {
  const answer = await read(new Response("", { status: 503, headers: { "Retry-After": "7" } }));
  expect(answer).toEqual({ kind: "lost", why: "overloaded", retryAfter: 7000 });
});

test("an answer cut off halfway leaves it open", async () => {
  expect(await read(new Response('{"id":"1', { status: 201 }))).toMatchObject({ kind: "lost", why: "server" });
});

test("Retry-After is seconds or a date", () => {
  expect(readRetryAfter(null, 0)).toBeNull();
  expect(readRetryAfter("0", 0)).toBe(0);
  expect(readRetryAfter("Thu, 01 Jan 1970 00:00:05 GMT", 2000)).toBe(3000);
  expect(readRetryAfter("Thu, 01 Jan 1970 00:00:05 GMT", 9000)).toBe(0);
  expect(readRetryAfter("soon", 0)).toBeNull();
});

test("the query cache gets the value, or an error that knows the code", () => {
  expect(valueOf({ kind: "done", value: 1 })).toBe(1);
  const thrown = new NoValue({ kind: "refused", status: 422, problem });
  expect(() => valueOf({ kind: "refused", status: 422, problem })).toThrow(NoValue);
  expect(thrown.code).toBe("invalid_amount");
  expect(new NoValue({ kind: "lost", why: "network", retryAfter: null }).code).toBeNull();
});

test("addresses stay on this origin whatever an id or a cursor holds", () => {
  expect(addressOf("/orders", undefined, { limit: 20, cursor: "a&b=c", status: undefined })).toBe("/orders?limit=20&cursor=a%26b%3Dc");
  expect(addressOf("/orders/{id}", "//evil/../$&", undefined)).toBe("/orders/%2F%2Fevil%2F..%2F%24%26");
});
