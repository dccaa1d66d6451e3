// The browser's session changes hands: under an open page, a closed one, one without network, and under two tabs.
// The shop is behind the book's own nginx example; SESSIONS is where a session begins and ends. Without it there is none to change.
// With SHORT_SOCKETS a socket lives for seconds, and a page asks again by itself; that would come before a click on the other pages.
import type { APIRequestContext } from "@playwright/test";
import { badge, enter, expect, newUser, orderForm, rows, test, type Page } from "./shopper";

const { SESSIONS, SHORT_SOCKETS } = process.env;

test.skip(SESSIONS === undefined, "SESSIONS names no server of sessions");

let other: string;

test.beforeEach(async ({ request, user }) => {
  other = newUser();
  for (const one of [other, user]) {
    await signIn(request, one);
    // The proxy says who it is, whatever a client says.
    expect((await request.post("/accounts", { headers: { "X-User-Id": "somebody" } })).status()).toBe(201);
    expect((await request.post("/accounts/topup", { data: { amount: "100" } })).status()).toBe(200);
  }
});

async function signIn(request: APIRequestContext, user: string): Promise<void> {
  expect((await request.post(`${SESSIONS ?? ""}/as/${user}`)).status()).toBe(204);
}

async function signOut(request: APIRequestContext): Promise<void> {
  expect((await request.post(`${SESSIONS ?? ""}/nobody`)).status()).toBe(204);
}

/** How many orders this user has, and what is on the account. The session is that user's afterwards. */
async function standing(request: APIRequestContext, user: string): Promise<[number, string]> {
  await signIn(request, user);
  const { orders } = (await (await request.get("/orders")).json()) as { orders: unknown[] };
  const { balance } = (await (await request.get("/accounts/balance")).json()) as { balance: string };
  return [orders.length, balance];
}

async function place(page: Page, description: string): Promise<void> {
  await orderForm(page).fill("30", description);
  await orderForm(page).submit.click();
}

/** The session changes hands while the order is on its way: before that the page could find out by itself. */
async function placeUnder(next: string, page: Page, request: APIRequestContext, description: string): Promise<void> {
  let changed = false;
  await page.route((url) => url.pathname === "/orders", async (route) => {
    if (!changed && route.request().method() === "POST") {
      changed = true;
      await signIn(request, next);
    }
    await route.fallback();
  });
  await place(page, description);
}

const told = (page: Page, user: string) => expect(page.getByRole("heading", { name: `${user} is signed in` })).toBeVisible();
const held = (page: Page) => expect(orderForm(page).region).toContainText("Kept, not sent");

/** Back as the first user: what was kept waits for a click, and is then done once. */
async function sentOnceByItsOwnUser(page: Page, request: APIRequestContext, user: string): Promise<void> {
  await signIn(request, user);
  await page.reload();
  if (await page.getByRole("heading", { name: `${user} is signed in` }).isVisible()) {
    await page.getByRole("button", { name: `Go on as ${user}` }).click();
  }
  await held(page);
  expect(await standing(request, user)).toEqual([0, "100.00"]);
  await orderForm(page).region.getByRole("button", { name: "Send it now" }).click();
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  expect(await standing(request, user)).toEqual([1, "70.00"]);
}

test("under an open page: nothing is done for the other, and going on as them sends nothing", async ({ page, request, user }) => {
  await enter(page, user);
  await expect(page.getByTestId("balance")).toHaveText("₽100.00");
  await placeUnder(other, page, request, "of the first");
  await told(page, other);
  await expect(page.getByTestId("balance")).toHaveCount(0);
  await page.getByRole("button", { name: `Go on as ${other}` }).click();
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
  await expect(page.getByTestId("balance")).toHaveText("₽100.00");
  await expect(rows(page)).toHaveCount(0);
  expect(await standing(request, other)).toEqual([0, "100.00"]);
  await signIn(request, user);
  await page.reload();
  await told(page, user);
  await page.getByRole("button", { name: `Go on as ${user}` }).click();
  await sentOnceByItsOwnUser(page, request, user);
});

test("under an open page that nobody touches: its socket ends, and with it what it shows", async ({ page, request, user }) => {
  test.skip(SHORT_SOCKETS === undefined, "sockets live for an hour");
  await enter(page, user);
  await signIn(request, other);
  await told(page, other);
  await expect(page.getByTestId("balance")).toHaveCount(0);
});

test("under a closed page: what it kept is not sent for the other", async ({ page, context, request, user }) => {
  await enter(page, user);
  await page.route("**/orders", (route) => (route.request().method() === "POST" ? route.abort() : route.fallback()));
  await place(page, "kept");
  await expect(orderForm(page).region).toContainText("No answer yet");
  await page.close();
  await signIn(request, other);
  const next = await context.newPage();
  await next.goto("/");
  await told(next, other);
  expect(await standing(request, other)).toEqual([0, "100.00"]);
  await signIn(request, user);
  await next.reload();
  // It met nobody else, and it is young: it is sent by itself, as ever.
  await expect(rows(next)).toHaveAttribute("data-status", "FINISHED");
  expect(await standing(request, user)).toEqual([1, "70.00"]);
});

test("under a page without network: what it took is not sent for the other when the network is back", async ({ page, context, request, user }) => {
  await enter(page, user);
  await context.setOffline(true);
  await place(page, "from the underground");
  await expect(orderForm(page).region).toContainText("No answer yet");
  await signIn(request, other);
  await context.setOffline(false);
  await told(page, other);
  expect(await standing(request, other)).toEqual([0, "100.00"]);
});

test("under two tabs: both are told, and nothing is done", async ({ page, context, request, user }) => {
  await enter(page, user);
  const second = await context.newPage();
  await second.goto("/");
  await expect(badge(second)).toHaveAttribute("data-connection", "live");
  // Whatever it asks for by itself it has asked for while the session was the first one's.
  await second.waitForLoadState("networkidle");
  await placeUnder(other, page, request, "from the first tab");
  await told(page, other);
  // The second tab sees what the first has kept, and finds out when it is told to send it.
  await held(second);
  await orderForm(second).region.getByRole("button", { name: "Send it now" }).click();
  await told(second, other);
  expect(await standing(request, other)).toEqual([0, "100.00"]);
  await second.close();
  await sentOnceByItsOwnUser(page, request, user);
});

test("a sign-in that answers in between ends nothing: the order is sent again with its key", async ({ page, request, user }) => {
  const keys: string[] = [];
  page.on("request", (sent) => {
    if (sent.method() === "POST" && new URL(sent.url()).pathname === "/orders") keys.push(sent.headers()["idempotency-key"] ?? "none");
  });
  await enter(page, user);
  await signOut(request);
  await place(page, "in between");
  await expect(orderForm(page).region).toContainText("No answer yet");
  await signIn(request, user);
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  expect(new Set(keys).size).toBe(1);
  expect(await standing(request, user)).toEqual([1, "70.00"]);
});

test("until the shop has said who is signed in, the name is not confirmed and nothing is taken", async ({ page, request, user }) => {
  await enter(page, user);
  const calls = (url: URL) => ["/orders", "/accounts/balance"].includes(url.pathname);
  await page.route(calls, (route) => route.abort());
  await page.reload();
  const who = page.locator("[data-confirmed]");
  await expect(who).toHaveAttribute("data-confirmed", "false");
  await expect(who).toContainText("not confirmed yet");
  await place(page, "too early");
  await page.unroute(calls);
  await expect(who).toHaveAttribute("data-confirmed", "true");
  expect((await standing(request, user))[0]).toBe(0);
});
