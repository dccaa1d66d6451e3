// Fails when the committed files are not what the source and docs/openapi make: `npm run generate` repairs it.
// Absent: whether the shop keeps to them; newman shows that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { collection, environment } from "../source/collection.mjs";
import { committed, requests } from "./reading.mjs";

for (const [kind, content] of Object.entries({ collection, environment })) {
  test(`the committed ${kind} is generated from its source as it is`, () => {
    assert.ok(committed(kind) === `${JSON.stringify(content, null, 2)}\n`, "stale: npm run generate");
  });
}

test("every name is there once, because a wait goes on by name", () => {
  const names = requests.map(({ name }) => name);
  assert.deepEqual(names.filter((name, at) => names.indexOf(name) !== at), []);
});

test("every script can be read by a JavaScript engine", () => {
  for (const { name, script } of requests) assert.doesNotThrow(() => new Function("pm", script), name);
});
