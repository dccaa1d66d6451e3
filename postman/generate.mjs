// Writes the collection and the environment that are imported into Postman: `npm run generate`.
import { writeFileSync } from "node:fs";
import { collection, environment } from "./source/collection.mjs";

for (const [kind, content] of Object.entries({ collection, environment })) {
  const file = new URL(`gozon.postman_${kind}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
