// Push in a real browser: missed changes after a cut, another instance, and life without any WebSocket.
import { badge, enter, expect, give, orderForm, rows, test, toast } from "./shopper";

test("what changed while the connection was cut is told when it is back", async ({ page, context, request, user }) => {
  await give(request, user, "100");
  await enter(page, user);
  await context.setOffline(true);
  await expect(badge(page)).toHaveAttribute("data-connection", "offline");
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "3", description: "meanwhile" } });
  await context.setOffline(false);
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveText(/meanwhile/);
});

test("a part of the page that cannot be fetched leaves the rest standing, and comes later", async ({ page, request, user }) => {
  await give(request, user, "100");
  await page.route("**/BalanceChart-*.js", (route) => route.abort());
  await enter(page, user);
  await expect(page.getByRole("row", { name: /Top-up/ })).toBeVisible();
  await page.unroute("**/BalanceChart-*.js");
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "3" } });
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("img", { name: /Balance over time/ })).toBeVisible();
});

test("what changed during a reload is told after it", async ({ page, request, user }) => {
  await give(request, user, "100");
  await enter(page, user);
  await page.goto("about:blank");
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "3", description: "while away" } });
  // The list and the push race after a reload; only an order that the list did not show first is news.
  const held = page.route("**/orders?*", async (route) => {
    await expect(badge(page)).toHaveAttribute("data-connection", "live");
    await route.fallback();
  }, { times: 1 });
  await held;
  await page.goto("/");
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveText(/while away/);
});

test("without a WebSocket the page asks, and tells all the same", async ({ page, request, user }) => {
  await give(request, user, "100");
  await page.routeWebSocket(/\/ws\/orders/, (socket) => socket.close({ code: 1011 }));
  await page.goto("/");
  await page.getByRole("textbox").fill(user);
  await page.keyboard.press("Enter");
  await expect(badge(page)).toHaveAttribute("data-connection", "asking");
  await orderForm(page).fill("5", "asked for");
  await orderForm(page).submit.click();
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
});

test("an order placed on one instance is told on the other", async ({ browser, request, user }) => {
  const second = process.env.SHOP_URL_2;
  test.skip(second === undefined, "SHOP_URL_2 names no second instance");
  await give(request, user, "100");
  const context = await browser.newContext({ ...(second !== undefined && { baseURL: second }), locale: "en-US" });
  const page = await context.newPage();
  await enter(page, user);
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "3", description: "from the first" } });
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveText(/from the first/);
  await context.close();
});

test("a hidden tab notifies, but asks for permission only after a click", async ({ page, context, request, user }) => {
  await give(request, user, "100");
  await page.addInitScript(() => {
    const shown: string[] = [];
    let asked = 0;
    const fake = Object.assign(
      function (title: string) {
        shown.push(title);
      },
      {
        permission: "default",
        requestPermission() {
          asked += 1;
          fake.permission = "granted";
          return Promise.resolve("granted");
        },
      },
    );
    Object.assign(globalThis, { Notification: fake, seen: { shown, asked: () => asked } });
  });
  interface Seen {
    seen: { shown: string[]; asked: () => number };
  }
  await enter(page, user);
  expect(await page.evaluate(() => (globalThis as unknown as Seen).seen.asked())).toBe(0);
  await page.getByRole("button", { name: "Notify me" }).click();
  expect(await page.evaluate(() => (globalThis as unknown as Seen).seen.asked())).toBe(1);
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "3" } });
  await expect.poll(() => page.evaluate(() => (globalThis as unknown as Seen).seen.shown)).toEqual(["Hooray! Your order is paid!"]);
  await context.close();
});
