// Weighs the first load: index.html and all it names, gzipped as a server would; fails over the budget.
// What a click loads later (the chart) does not count, and is listed apart.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 250_000;
const dist = new URL("../dist/", import.meta.url);
const weigh = (name) => gzipSync(readFileSync(new URL(name, dist)), { level: 6 }).length;

const page = readFileSync(new URL("index.html", dist), "utf8");
const first = ["index.html", ...[...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1])];
const later = readdirSync(new URL("assets/", dist)).map((name) => `assets/${name}`).filter((name) => !first.includes(name));

const total = first.reduce((sum, name) => sum + weigh(name), 0);
for (const name of first) console.log(`${String(weigh(name)).padStart(8)}  ${name}`);
for (const name of later) console.log(`${String(weigh(name)).padStart(8)}  ${name} (later)`);
console.log(`${String(total).padStart(8)}  first load, gzipped; the budget is ${BUDGET}`);
if (total > BUDGET) process.exit(1);
