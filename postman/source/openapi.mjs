// What docs/openapi says about the calls: their answers' schemas ready for a validator, and examples.
// Absent: requests, and anything that the documents do not say; so the collection cannot drift from them.
import { readFileSync } from "node:fs";

const read = (service) => JSON.parse(readFileSync(new URL(`../../docs/openapi/${service}.json`, import.meta.url), "utf8"));

/** The documents of both services. */
export const documents = ["orders", "payments"].map(read);

const schemas = Object.assign({}, ...documents.map((document) => document.components.schemas));

/** What only people read, and formats that a JSON Schema validator does not know. */
const ANNOTATIONS = new Set(["description", "example", "examples"]);
const FOREIGN_FORMATS = new Set(["int32", "int64"]);

/** All operations: `POST /orders` to what the document says about it. */
export const operations = new Map(documents.flatMap(({ paths }) => Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation]))));

/** The name of the schema that an operation answers with under this status. */
export function schemaOf(name, status) {
  return nameOf(content(name, status, "application/json").schema);
}

/** One of an operation's problems, as the document shows it. */
export function problemOf(name, code) {
  const statuses = Object.keys(operations.get(name).responses);
  const problems = statuses.map((status) => content(name, status, "application/problem+json")?.examples?.[code]?.value);
  return problems.find(Boolean) ?? fail(`${name} does not document ${code}`);
}

/** A schema by its name, without references, that admits no member which is not documented. */
export const schema = (name) => strict(schemas[name]);

/** An answer by the name of its schema. */
export const example = (name) => exampleOf(schemas[name]);

function content(name, status, mediaType) {
  const answer = operations.get(name)?.responses[status] ?? fail(`${name} does not document ${status}`);
  return answer.content[mediaType];
}

function fail(why) {
  throw new Error(why);
}

const nameOf = ({ $ref }) => $ref.split("/").at(-1);

function strict(value) {
  if (Array.isArray(value)) return value.map(strict);
  if (value === null || typeof value !== "object") return value;
  if (value.$ref) return schema(nameOf(value));
  const { properties, ...others } = value;
  const kept = Object.entries(others).filter(([key, inner]) => !ANNOTATIONS.has(key) && !isForeign(key, inner));
  const plain = Object.fromEntries(kept.map(([key, inner]) => [key, strict(inner)]));
  if (!properties) return plain;
  const members = Object.entries(properties).map(([key, inner]) => [key, strict(inner)]);
  return { ...plain, properties: Object.fromEntries(members), additionalProperties: false };
}

const isForeign = (key, value) => key === "format" && FOREIGN_FORMATS.has(value);

function exampleOf(part) {
  if (part.$ref) return example(nameOf(part));
  if (part.example) return part.example;
  if (part.type === "array") return [exampleOf(part.items)];
  if (part.properties) return Object.fromEntries(Object.entries(part.properties).map(([key, inner]) => [key, exampleOf(inner)]));
  if (part.type.includes("null")) return null;
  return fail(`no example in ${JSON.stringify(part)}`);
}
