// A shopper for the browser tests: a fresh user each, ways to act, and a watch for what must never happen on any page.
import { test as plain, expect, type APIRequestContext, type Locator, type Page, type Route } from "@playwright/test";

export { expect };
export type { Page };

/** An id that no earlier run has used. */
export function newUser(): string {
  return `e2e-${Date.now().toString(36)}-${process.hrtime.bigint().toString(36)}`;
}

/** Every page is watched: a breach of its policy, a script error or a call to another origin fails the test. */
export const test = plain.extend<{ user: string; guarded: undefined }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from this pattern.
  user: async ({}, provide) => provide(newUser()),
  guarded: [
    async ({ context, baseURL }, provide) => {
      const wrong: string[] = [];
      const own = new URL(baseURL ?? "").origin;
      const second = process.env.SHOP_URL_2 === undefined ? own : new URL(process.env.SHOP_URL_2).origin;
      context.on("console", (message) => {
        if (/Content Security Policy|Refused to|Trusted ?Type/i.test(message.text())) wrong.push(message.text());
      });
      context.on("weberror", (error) => wrong.push(String(error.error())));
      context.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol.startsWith("http") && url.origin !== own && url.origin !== second) wrong.push(request.url());
      });
      await provide(undefined);
      expect(wrong, "breaches of the policy, script errors, calls to other origins").toEqual([]);
    },
    { auto: true },
  ],
});

/** Goes through the welcome screen. */
export async function enter(page: Page, user: string): Promise<void> {
  await page.goto("/");
  await page.getByRole("textbox").fill(user);
  await page.getByRole("button", { name: /^(Enter|Войти)$/ }).click();
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
}

export const badge = (page: Page): Locator => page.locator("[data-connection]");
export const rows = (page: Page): Locator => page.locator("[data-order]");
export const toast = (page: Page, text: string): Locator => page.getByRole("alert").filter({ hasText: text });

/** Money on the account, by the API, for tests that are about something else. */
export async function give(request: APIRequestContext, user: string, amount: string): Promise<void> {
  const headers = { "X-User-Id": user };
  await request.post("/accounts", { headers });
  const answer = await request.post("/accounts/topup", { headers, data: { amount } });
  expect(answer.status()).toBe(200);
}

/** What is on the account. */
export async function balance(request: APIRequestContext, user: string): Promise<string> {
  const answer = await request.get("/accounts/balance", { headers: { "X-User-Id": user } });
  return ((await answer.json()) as { balance: string }).balance;
}

export interface SeenOrder {
  id: string;
  status: string;
  reason: string | null;
  amount: string;
  description: string | null;
}

export async function ordersOf(request: APIRequestContext, user: string): Promise<SeenOrder[]> {
  const answer = await request.get("/orders", { headers: { "X-User-Id": user } });
  return ((await answer.json()) as { orders: SeenOrder[] }).orders;
}

/**
 * A page that has heard nothing since its order was placed: no push reaches it, and what it reads is as it was then. The order is
 * paid long since, and whatever the page asks the shop to do, the shop is really asked. Caught up, it can read the order itself as it
 * is; lists stay old, so that nothing but reading the order brings the page up to date.
 */
export async function behindTheTimes(page: Page, request: APIRequestContext, user: string): Promise<{ catchUp: () => void }> {
  await give(request, user, "100");
  const placed = await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "5", description: "long paid" } });
  const order = (await placed.json()) as SeenOrder;
  await expect.poll(async () => (await ordersOf(request, user))[0]?.status).toBe("FINISHED");
  let behind = true;
  const asItWas = (route: Route, body: object) => route.fulfill({ contentType: "application/json", body: JSON.stringify(body) });
  await page.routeWebSocket(/\/ws\/orders/, (socket) => socket.close({ code: 1011 }));
  await page.route("**/orders?*", (route) => asItWas(route, { orders: [order], next_cursor: null }));
  await page.route(`**/orders/${order.id}`, (route) => (behind ? asItWas(route, order) : route.fallback()));
  await page.goto("/");
  await page.getByRole("textbox").fill(user);
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveAttribute("data-status", "NEW");
  return { catchUp: () => (behind = false) };
}

/** The new order's form, in either language. */
export function orderForm(page: Page) {
  const form = page.getByRole("region", { name: /^(New order|Новый заказ)$/ });
  return {
    region: form,
    amount: form.getByRole("textbox").first(),
    description: form.getByRole("textbox").nth(1),
    submit: form.locator("button[type=submit]"),
    async fill(amount: string, description: string) {
      await this.amount.fill(amount);
      await this.description.fill(description);
    },
  };
}

/** Presses Tab until it is there, as somebody without a mouse does. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("Tab never got there");
}
