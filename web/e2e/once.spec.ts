// One intention, one order: double clicks, lost answers, reloads, a network that goes and comes back.
import type { Request } from "@playwright/test";
import { badge, enter, expect, give, orderForm, ordersOf, rows, test, toast, type Page } from "./shopper";

/** The keys of all orders that the page has sent. */
function keysSent(page: Page): string[] {
  const keys: string[] = [];
  page.on("request", (request: Request) => {
    if (request.method() === "POST" && new URL(request.url()).pathname === "/orders") {
      keys.push(request.headers()["idempotency-key"] ?? "none");
    }
  });
  return keys;
}

test.beforeEach(async ({ request, page, user }) => {
  await give(request, user, "100");
  await enter(page, user);
});

test("a double click makes one order, and no complaint about an empty form", async ({ page, request, user }) => {
  const keys = keysSent(page);
  const form = orderForm(page);
  await form.fill("5", "double");
  await form.submit.dblclick();
  await expect(rows(page)).toHaveCount(1);
  await form.submit.dblclick({ delay: 1 });
  expect(keys).toHaveLength(1);
  expect(await ordersOf(request, user)).toHaveLength(1);
});

test("a double click on top-up tops up once", async ({ page }) => {
  await page.getByLabel("Top-up amount").fill("7");
  await page.getByRole("button", { name: "Top up" }).dblclick();
  await expect(page.getByTestId("balance")).toHaveText("₽107.00");
  await page.waitForTimeout(500);
  await page.reload();
  await expect(page.getByTestId("balance")).toHaveText("₽107.00");
});

test("an answer that got lost is asked for again with the same key", async ({ page, request, user }) => {
  const keys = keysSent(page);
  let losses = 0;
  await page.route("**/orders", async (route) => {
    if (route.request().method() !== "POST" || losses === 2) return route.fallback();
    losses += 1;
    // The shop did it; only the answer does not come home.
    await route.fetch();
    await route.abort("connectionreset");
  });
  const form = orderForm(page);
  await form.fill("5", "lost answer");
  await form.submit.click();
  await expect(form.region).toContainText("No answer yet");
  await expect(form.amount).toHaveValue("");
  await expect(rows(page)).toHaveCount(1);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(await ordersOf(request, user)).toHaveLength(1);
});

test("a reload before the answer goes on with the same key", async ({ page, request, user }) => {
  const keys = keysSent(page);
  let held = false;
  await page.route("**/orders", async (route) => {
    if (route.request().method() !== "POST" || held) return route.fallback();
    held = true;
    await route.fetch();
    // The page is gone before this is answered.
  });
  const form = orderForm(page);
  await form.fill("5", "reloaded");
  await form.submit.click();
  await expect.poll(async () => (await ordersOf(request, user)).length).toBe(1);
  await page.reload();
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  await expect.poll(() => keys.length).toBe(2);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).filter((name) => name.includes("kept")))).toEqual([]);
  expect(new Set(keys).size).toBe(1);
  expect(await ordersOf(request, user)).toHaveLength(1);
});

test("an overloaded shop is given the time it asks for", async ({ page, request, user }) => {
  const keys = keysSent(page);
  let refusals = 0;
  await page.route("**/orders", async (route) => {
    if (route.request().method() !== "POST" || refusals === 1) return route.fallback();
    refusals += 1;
    await route.fulfill({
      status: 503,
      headers: { "Retry-After": "2", "Content-Type": "application/problem+json" },
      body: JSON.stringify({ type: "urn:gozon:problem:overloaded", title: "t", status: 503, detail: "d", code: "overloaded" }),
    });
  });
  const form = orderForm(page);
  await form.fill("5", "busy");
  const started = Date.now();
  await form.submit.click();
  await expect(form.region).toContainText("asked us to wait");
  await expect(rows(page)).toHaveCount(1);
  expect(Date.now() - started).toBeGreaterThanOrEqual(2_000);
  expect(new Set(keys).size).toBe(1);
  expect(await ordersOf(request, user)).toHaveLength(1);
});

test("a refusal is shown in the form, keeps what was typed, and ends the request", async ({ page }) => {
  const keys = keysSent(page);
  await page.route("**/orders", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    await route.fulfill({
      status: 422,
      contentType: "application/problem+json",
      body: JSON.stringify({ type: "urn:x", title: "t", status: 422, detail: "d", code: "invalid_description" }),
    });
  });
  const form = orderForm(page);
  await form.fill("5", "refused");
  await form.submit.click();
  await expect(form.region.getByRole("alert")).toContainText("does not accept this description");
  await expect(form.description).toHaveValue("refused");
  await page.waitForTimeout(1_500);
  expect(keys).toHaveLength(1);
});

test("offline: said so, the order is kept, and goes out once when the network is back", async ({ page, context, request, user }) => {
  await context.setOffline(true);
  await expect(badge(page)).toHaveAttribute("data-connection", "offline");
  await expect(page.getByText("No connection to the shop")).toBeVisible();
  const form = orderForm(page);
  await form.fill("5", "from the underground");
  await form.submit.click();
  await expect(form.region).toContainText("No answer yet");
  expect(await ordersOf(request, user)).toHaveLength(0);
  await context.setOffline(false);
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  expect(await ordersOf(request, user)).toHaveLength(1);
});
