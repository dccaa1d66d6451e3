// Fails when an operation of docs/openapi, or one of the answers that it documents, is never asked for.
// Absent: the answers of calls that OpenAPI does not describe (WebSocket, health).
import assert from "node:assert/strict";
import { test } from "node:test";
import { operations } from "../source/openapi.mjs";
import { requests } from "./reading.mjs";

/** Documented, but nothing that a collection can bring about. */
const OUT_OF_REACH = {
  internal: "needs a defect; edge/tests/it/errors.rs",
  overloaded: "needs more load than one client makes; tests/it/overload.rs of either service",
  unavailable: "needs an outage; e2e/tests/it/walkthrough.rs",
};

/** What an operation documents: `201`, or `409 account_exists`. */
const documented = ({ responses }) => Object.entries(responses).flatMap(([status, { content }]) => {
  const codes = Object.keys(content["application/problem+json"]?.examples ?? {});
  return codes.length > 0 ? codes.map((code) => `${status} ${code}`) : [status];
});

/** Does a request go to an operation? A method that a path does not have is an answer of all the path's operations. */
function asks({ method, path, status }, operation) {
  const [own, template] = operation.split(" ");
  const pattern = new RegExp(`^${template.replace(/\{\w+\}/g, "(\\{\\{\\w+\\}\\}|[0-9a-f-]+)")}$`);
  return pattern.test(path) && (method === own || status === "405");
}

const answers = ({ status, code }) => (code ? `${status} ${code}` : status);
const codeOf = (answer) => answer.split(" ")[1];

for (const [operation, document] of operations) {
  test(`${operation} is asked for, and so is everything that it documents`, () => {
    const asked = new Set(requests.filter((request) => asks(request, operation)).map(answers));
    const missing = documented(document).filter((answer) => !asked.has(answer) && !(codeOf(answer) in OUT_OF_REACH));
    assert.deepEqual(missing, []);
  });
}

test("what is out of reach is documented and not asked for", () => {
  const all = new Set([...operations.values()].flatMap(documented).map(codeOf));
  const asked = new Set(requests.map(({ code }) => code));
  assert.deepEqual(Object.keys(OUT_OF_REACH).filter((code) => !all.has(code) || asked.has(code)), []);
});
