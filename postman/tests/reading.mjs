// The requests of the committed collection, as its tests see them: what is asked, and what answer is asserted.
// Absent: the source; these tests judge what is imported.
import { readFileSync } from "node:fs";

export const committed = (kind) => readFileSync(new URL(`../gozon.postman_${kind}.json`, import.meta.url), "utf8");

const flat = (item) => item.item?.flatMap(flat) ?? [item];

/** All requests: name, method, path, and the status and code that their scripts assert. */
export const requests = flat(JSON.parse(committed("collection"))).map(({ name, request, event }) => {
  const script = event.find(({ listen }) => listen === "test").script.exec.join("\n");
  const status = script.match(/to\.have\.status\((\d{3})\)/)?.[1];
  const code = script.match(/\bcode: "(\w+)"/)?.[1];
  return { name, method: request.method, path: `/${request.url.path.join("/")}`, status, code, script };
});
