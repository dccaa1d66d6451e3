// Fails when the generated types no longer are what the committed OpenAPI documents say: `npm run generate` repairs it.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { typesOf } from "../../scripts/generate.mjs";

test.each(["orders", "payments"])("src/api/%s.d.ts is generated from docs/openapi as it is", async (service) => {
  const document = new URL(`../../../docs/openapi/${service}.json`, import.meta.url);
  expect(existsSync(document), `docs/openapi/${service}.json is committed`).toBe(true);
  const kept = readFileSync(new URL(`./${service}.d.ts`, import.meta.url), "utf8");
  expect(kept).toBe(await typesOf(readFileSync(document, "utf8")));
});
