// Requests and folders in Postman's format (v2.1), each request with its checks and a saved answer.
// Absent: which requests there are.
import { STATUS_CODES } from "node:http";
import { example, problemOf, schemaOf } from "./openapi.mjs";
import { branches, check, errorsOf, problem, schema, status, traced } from "./scripts.mjs";

/** A folder. */
export const folder = (name, description, ...items) => ({ name, description: text(description), item: items.flat() });

/** A call that must succeed with the documented status and schema, and then pass the checks `then`. */
export function call(operation, { answers = 200, like = {}, then = [], ...asked }) {
  const name = schemaOf(operation, answers);
  const checks = [status(answers), schema(name), traced, ...then].flat();
  return item(operation, asked, checks, { status: answers, type: "application/json", body: { ...example(name), ...like } });
}

/**
 * A call that races with the shop: it must either succeed as `call` does, or be refused with this documented problem.
 * `then` is checked if it succeeds, `after` is done either way.
 */
export function either(operation, { answers, or }, { like = {}, then = [], after = [], ...asked }) {
  const name = schemaOf(operation, answers);
  const lost = problemOf(operation, or);
  const checks = [
    ...branches(`pm.response.code === ${lost.status}`,
      [schema("ProblemBody"), check(`it is ${lost.code}`, `pm.expect(pm.response.json().code).to.equal("${lost.code}")`)],
      [status(answers), schema(name), ...then]),
    traced,
    ...after,
  ];
  return item(operation, asked, checks, { status: answers, type: "application/json", body: { ...example(name), ...like } });
}

/** A call that must be refused with a documented problem; `fields` are those at fault, each with the rule it breaks. */
export const refusal = (operation, code, asked) => refused(operation, problemOf(operation, code), asked);

/** The same where no document says so: no such route, or a WebSocket, which OpenAPI cannot describe. */
export function undocumentedRefusal(operation, code, status, title, asked) {
  return refused(operation, { type: `urn:gozon:problem:${code}`, title, status, detail: title, code }, asked);
}

/** A request that is no call of the contract's tables: documentation and operation. */
export const plain = (operation, { then, ...asked }) => item(operation, { user: null, ...asked }, then);

function refused(operation, expected, { fields, then = [], ...asked }) {
  const { status, code } = expected;
  const body = fields ? { ...expected, errors: errorsOf(fields) } : expected;
  return item(operation, asked, [...problem(status, code, fields), traced, ...then], { status, type: "application/problem+json", body });
}

function item(operation, { name, about, before, ...asked }, checks, answer) {
  const request = { ...http(operation, asked), description: text(about) };
  const events = [before && event("prerequest", before), event("test", checks)].filter(Boolean);
  return { name, event: events, request, response: answer ? [saved(request, answer)] : [] };
}

/** `user` is who asks: nobody (null), one, or a list that is sent one by one; `at` fills the path's parameters in. */
function http(operation, { base = "baseUrl", user = "{{userId}}", at = {}, query = {}, headers = {}, type = "application/json", body }) {
  const [method, template] = operation.split(" ");
  const path = template.replace(/\{(\w+)\}/g, (_, parameter) => at[parameter]);
  const typed = body === undefined ? {} : { "Content-Type": type };
  const header = pairs({ "X-User-Id": user ?? [], ...typed, ...headers });
  return { method, header, ...payload(body), url: url(base, path, pairs(query)) };
}

function url(base, path, query) {
  const search = query.length > 0 ? `?${query.map(({ key, value }) => `${key}=${value}`).join("&")}` : "";
  return { raw: `{{${base}}}${path}${search}`, host: [`{{${base}}}`], path: path.slice(1).split("/"), query };
}

/** Text is sent as it is, anything else as JSON. */
function payload(body) {
  if (body === undefined) return {};
  const raw = typeof body === "string" ? body : JSON.stringify(body, null, 2);
  return { body: { mode: "raw", raw, options: { raw: { language: "json" } } } };
}

const pairs = (object) => Object.entries(object).flatMap(([key, values]) => [values].flat().map((value) => ({ key, value: String(value) })));

const event = (listen, lines) => ({ listen, script: { type: "text/javascript", exec: [lines].flat() } });

const saved = (request, { status, type, body }) => ({
  name: `${status} ${body.code ?? STATUS_CODES[status]}`,
  originalRequest: request,
  status: STATUS_CODES[status],
  code: status,
  _postman_previewlanguage: "json",
  header: [{ key: "Content-Type", value: type }],
  cookie: [],
  body: JSON.stringify(body, null, 2),
});

/** A description may be written over several indented lines. */
const text = (description = "") => description.trim().replace(/\n +/g, "\n");
