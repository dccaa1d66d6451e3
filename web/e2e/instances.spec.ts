// One port with two instances of orders behind it, one of which dies while orders settle. Only where a shop was started for this:
// INSTANCES names the two, DOOMED is the process of the first, to which the answers go, PAYMENTS those of payments.
// Absent: the same with bare sockets, in many variations; the system tests have that.
import type { APIRequestContext, Browser, Page } from "@playwright/test";
import { balance, enter, expect, give, newUser, ordersOf, rows, test } from "./shopper";

const { INSTANCES, DOOMED, PAYMENTS } = process.env;
/**
 * Of each shopper, of whom there are two: so many settle before the instance stands still, and as many are on their way when it
 * dies. Together they are what the list shows without being asked for more.
 */
const HALF = 10;
/** Of each shopper; an order takes 1. */
const MONEY = 1_000;

/** What the page's notifications say: an order's id with its version, one for each change told. */
interface Teller {
  told: string[];
}

/** A page of this shopper in a hidden tab, which tells by the browser's notifications: those can be counted. */
async function open(browser: Browser, user: string): Promise<Page> {
  const context = await browser.newContext({ locale: "en-US" });
  await context.addInitScript(() => {
    const told: string[] = [];
    const fake = Object.assign(
      function (_title: string, { tag }: { tag: string }) {
        told.push(tag);
      },
      { permission: "granted", requestPermission: () => Promise.resolve("granted") },
    );
    Object.assign(globalThis, { Notification: fake, told });
  });
  const page = await context.newPage();
  await enter(page, user);
  await expect(rows(page)).toHaveCount(HALF);
  await page.getByRole("button", { name: "Notify me" }).click();
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
  return page;
}

const told = (page: Page): Promise<string[]> => page.evaluate(() => (globalThis as unknown as Teller).told);

async function sockets(request: APIRequestContext, instance: string): Promise<number> {
  const metrics = await (await request.get(`${instance}/metrics`)).text();
  return Number(/^orders_push_sockets (\d+)$/m.exec(metrics)?.[1]);
}

function signal(processes: string | undefined, name: NodeJS.Signals): void {
  for (const id of (processes ?? "").split(",")) process.kill(Number(id), name);
}

test("an instance dies while orders settle: every page has the right list, and has told each change once", async ({ browser, request, playwright }) => {
  test.skip(INSTANCES === undefined, "INSTANCES names no instances behind the port");
  test.setTimeout(300_000);
  const [doomed = "", survivor = ""] = (INSTANCES ?? "").split(",");
  const behind = await playwright.request.newContext({ baseURL: survivor });
  const shoppers = [newUser(), newUser()];
  for (const user of shoppers) await give(request, user, String(MONEY));

  const place = async (user: string) => {
    const one = () => behind.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "1" } });
    for (const answer of await Promise.all(Array.from({ length: HALF }, one))) expect(answer.status()).toBe(201);
  };

  signal(PAYMENTS, "SIGSTOP");
  for (const user of shoppers) await place(user);
  const pages: { user: string; page: Page }[] = [];
  const bothAreWatched = async () => (await sockets(behind, doomed)) > 0 && (await sockets(behind, survivor)) > 0;
  while (pages.length < 4 || !(await bothAreWatched())) {
    const user = shoppers[pages.length % 2] ?? "";
    pages.push({ user, page: await open(browser, user) });
  }

  const settled = async () => {
    const lists = await Promise.all(shoppers.map((user) => ordersOf(behind, user)));
    return lists.flat().filter((order) => order.status !== "NEW").length;
  };
  signal(PAYMENTS, "SIGCONT");
  for (const { page } of pages) await expect.poll(async () => (await told(page)).length).toBe(HALF);

  // Frozen, it is handed answers that it will never settle: the charge is committed, and for now they go to nobody else.
  signal(DOOMED, "SIGSTOP");
  for (const user of shoppers) await place(user);
  for (const user of shoppers) await expect.poll(() => balance(request, user)).toBe(String(MONEY - 2 * HALF) + ".00");
  expect(await settled()).toBe(2 * HALF);
  signal(DOOMED, "SIGKILL");
  await expect.poll(settled).toBe(4 * HALF);

  for (const { user, page } of pages) {
    const expected = (await ordersOf(behind, user)).map(({ id }) => `${id}@2`).sort();
    await expect.poll(async () => (await told(page)).length).toBe(2 * HALF);
    await expect(page.locator("[data-order][data-status=FINISHED]")).toHaveCount(2 * HALF);
    expect((await told(page)).sort()).toEqual(expected);
    await page.context().close();
  }
});
