// A shopper's ways through the page: paid, too poor, no account, both languages, filters, pages, another user.
import { badge, enter, expect, give, orderForm, ordersOf, rows, tabTo, test, toast } from "./shopper";

test("from nothing to a paid order", async ({ page, user }) => {
  await enter(page, user);
  await page.getByRole("button", { name: "Open an account" }).click();
  await expect(page.getByTestId("balance")).toHaveText("₽0.00");
  await page.getByLabel("Top-up amount").fill("1 000,50");
  await page.getByRole("button", { name: "Top up" }).click();
  await expect(page.getByTestId("balance")).toHaveText("₽1,000.50");
  const form = orderForm(page);
  await form.fill("100.5", "Two tickets");
  await form.submit.click();
  await expect(toast(page, "Hooray! Your order is paid!")).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  await expect(page.getByTestId("balance")).toHaveText("₽900.00");
  await expect(form.amount).toHaveValue("");
  await expect(page.getByRole("img", { name: /Balance over time/ })).toBeVisible();
  await expect(page.getByRole("row", { name: /Payment/ })).toContainText("-₽100.50");
});

test("too poor: the order is cancelled, and the reason is said in words", async ({ page, request, user }) => {
  await give(request, user, "10");
  await enter(page, user);
  const form = orderForm(page);
  await form.fill("10.01", "A yacht");
  await form.submit.click();
  await expect(toast(page, "Not enough money on the account")).toBeVisible();
  await expect(rows(page)).toHaveAttribute("data-status", "CANCELLED");
  await rows(page).click();
  await expect(page.getByRole("dialog")).toContainText("Top up and place it again.");
  await expect(page.getByTestId("balance")).toHaveText("₽10.00");
});

test("without an account the order says so", async ({ page, user }) => {
  await enter(page, user);
  const form = orderForm(page);
  await form.fill("5", "");
  await form.submit.click();
  await expect(toast(page, "There was no account to pay from")).toBeVisible();
});

test("a change is told once, also over a reload", async ({ page, request, user }) => {
  await give(request, user, "10");
  await enter(page, user);
  await orderForm(page).fill("5", "once");
  await orderForm(page).submit.click();
  await expect(toast(page, "Hooray!")).toHaveCount(1);
  await page.reload();
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  // The snapshots of the resumed connection have come by then: ready stands after them.
  await expect(toast(page, "Hooray!")).toHaveCount(0);
});

test("orders placed elsewhere appear by themselves", async ({ page, request, user }) => {
  await give(request, user, "10");
  await enter(page, user);
  await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "1", description: "from elsewhere" } });
  await expect(toast(page, "Hooray!")).toBeVisible();
  await expect(rows(page)).toHaveText(/from elsewhere/);
});

test("bad amounts are explained where they were typed, and nothing is sent", async ({ page, request, user }) => {
  await enter(page, user);
  const form = orderForm(page);
  for (const [typed, fault] of [
    ["", "Enter an amount"],
    ["abc", "Enter a number"],
    ["0.001", "At most two decimals"],
    ["-500", "More than 0"],
    ["1e16", "Enter a number"],
    ["1000000000000.01", "At most ₽1,000,000,000,000.00"],
  ] as const) {
    await form.amount.fill(typed);
    await form.submit.click();
    await expect(form.region).toContainText(fault);
    await expect(form.amount).toBeFocused();
    // Past the time in which a second submit is taken for a double click.
    await page.waitForTimeout(750);
  }
  await form.fill("5", "я".repeat(513));
  await form.submit.click();
  await expect(form.region).toContainText("At most 512 characters, there are 513");
  expect(await ordersOf(request, user)).toEqual([]);
});

test("the filter and the next page", async ({ page, request, user }) => {
  await give(request, user, "24");
  for (let order = 0; order < 25; order += 1) {
    await request.post("/orders", { headers: { "X-User-Id": user }, data: { amount: "1", description: `order ${order}` } });
  }
  await expect.poll(async () => (await ordersOf(request, user)).filter(({ status }) => status === "NEW").length).toBe(0);
  await enter(page, user);
  await expect(rows(page)).toHaveCount(20);
  await page.getByRole("button", { name: "Load more" }).click();
  await expect(rows(page)).toHaveCount(25);
  await page.getByText("Cancelled", { exact: true }).first().click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByText("Waiting", { exact: true }).first().click();
  await expect(page.getByText("None of this kind")).toBeVisible();
});

test("another user sees nothing of this one's", async ({ page, request, user }) => {
  await give(request, user, "10");
  await enter(page, user);
  await orderForm(page).fill("5", "mine");
  await orderForm(page).submit.click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: `You are ${user}. Switch` }).click();
  await page.getByLabel("Your id").fill(`${user}-b`);
  await page.keyboard.press("Enter");
  await expect(page.getByText("You have no account yet")).toBeVisible();
  await expect(page.getByText("No orders yet")).toBeVisible();
  await page.getByRole("button", { name: `You are ${user}-b. Switch` }).click();
  await page.getByRole("button", { name: user, exact: true }).click();
  await expect(rows(page)).toHaveCount(1);
});

test("in Russian, chosen by the browser, and in English, chosen by a click and remembered", async ({ browser, user }) => {
  const context = await browser.newContext({ locale: "ru-RU" });
  const page = await context.newPage();
  await enter(page, user);
  await expect(page.locator("html")).toHaveAttribute("lang", "ru");
  await page.getByRole("button", { name: "Открыть счёт" }).click();
  await page.getByLabel("Сумма пополнения").fill("100,50");
  await page.getByRole("button", { name: "Пополнить" }).click();
  await expect(page.getByTestId("balance")).toHaveText(/100,50\s₽/);
  await orderForm(page).fill("50,5", "Билеты");
  await orderForm(page).submit.click();
  await expect(toast(page, "УРА! Заказ оплачен!")).toBeVisible();
  await page.getByRole("button", { name: "English" }).click();
  await expect(page.getByRole("heading", { name: "My orders" })).toBeVisible();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await context.close();
});

test("by keyboard alone, from the welcome to the details of a paid order", async ({ page, request, user }) => {
  await give(request, user, "100");
  await page.goto("/");
  await tabTo(page, page.getByLabel("Your id"));
  await page.keyboard.type(user);
  await page.keyboard.press("Enter");
  const form = orderForm(page);
  await tabTo(page, form.amount);
  await page.keyboard.type("12,30");
  await tabTo(page, form.description);
  await page.keyboard.type("Typed");
  await tabTo(page, form.submit);
  await page.keyboard.press("Enter");
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  await tabTo(page, rows(page));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText("₽12.30");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(rows(page)).toBeFocused();
});
