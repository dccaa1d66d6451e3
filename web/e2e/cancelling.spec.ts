// Cancelling in a real browser: an order that payments has not decided, one that was decided meanwhile, and a shop that is busy.
// PAYMENTS names the processes of payments, which hold an order NEW while they are stopped; without it that test has nothing to hold with.
import { badge, behindTheTimes, enter, expect, give, orderForm, ordersOf, rows, test, toast, type Page } from "./shopper";

const { PAYMENTS } = process.env;

function signal(name: NodeJS.Signals): void {
  for (const id of (PAYMENTS ?? "").split(",").filter(Boolean)) process.kill(Number(id), name);
}

test.afterEach(() => signal("SIGCONT"));

const drawer = (page: Page) => page.getByRole("dialog");
const PAID_STEPS = ["placed", "payment_requested", "request_published", "settled", "pushed"];

/** The steps of the open order's way. */
const steps = (page: Page) => drawer(page).locator("[data-step]").evaluateAll((all) => all.map((step) => (step as HTMLElement).dataset.step));

const button = (page: Page, name: string) => drawer(page).getByRole("button", { name });

test("an order that was paid meanwhile: it is being cancelled, then cancelled, and the money is back", async ({ page, request, user }) => {
  test.skip(PAYMENTS === undefined, "PAYMENTS names no processes to stop");
  await give(request, user, "100");
  await enter(page, user);
  await expect(page.getByTestId("balance")).toHaveText("₽100.00");

  signal("SIGSTOP");
  await orderForm(page).fill("50", "second thoughts");
  await orderForm(page).submit.click();
  await expect(rows(page)).toHaveAttribute("data-status", "NEW");
  await rows(page).click();
  await expect(drawer(page)).toContainText("payments has the request for the money");
  await expect.poll(() => steps(page)).toEqual(["placed", "payment_requested", "request_published"]);
  await button(page, "Cancel the order").click();
  await expect(button(page, "Keep it")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(button(page, "Cancel the order")).toBeFocused();
  await page.keyboard.press("Enter");
  await button(page, "Yes, cancel it").click();
  await expect(drawer(page)).toContainText("It is being cancelled.");
  expect(await drawer(page).evaluate((element) => element.contains(document.activeElement)), "the focus is not lost").toBe(true);
  await expect(rows(page)).toContainText("Cancelling…");
  await expect(drawer(page)).toContainText("payments has the request to cancel");
  await page.reload();
  await expect(badge(page)).toHaveAttribute("data-connection", "live");
  await expect(rows(page)).toContainText("Cancelling…");
  expect(await ordersOf(request, user)).toMatchObject([{ status: "NEW", reason: null }]);

  await rows(page).click();
  await expect(drawer(page).locator("[data-step=cancel_requested]")).toBeVisible();
  signal("SIGCONT");
  await expect(toast(page, "Your order is cancelled")).toBeVisible();
  // The drawer was open all the time: the push has brought it up to date.
  await expect(drawer(page).locator("[data-step=settled]")).toContainText("CANCELLED: cancelled_by_user.");
  await expect(drawer(page).getByText("What it waits for")).toBeHidden();
  await expect.poll(async () => (await steps(page)).toSorted()).toEqual([...PAID_STEPS, "cancel_requested", "refunded"].toSorted());
  await page.keyboard.press("Escape");
  // It slides out; the one that the statement opens below would else be a second one.
  await expect(drawer(page)).toBeHidden();
  await expect(rows(page)).toHaveAttribute("data-status", "CANCELLED");
  await expect(page.getByTestId("balance")).toHaveText("₽100.00");
  await expect(page.getByRole("row", { name: /Payment/ })).toContainText("-₽50.00");
  const refund = page.getByRole("row", { name: /Refund/ });
  await expect(refund).toContainText("₽50.00");
  await refund.getByRole("button", { name: /^Order …/ }).click();
  await expect(drawer(page)).toContainText("Cancelled by you");
  await expect(drawer(page)).toContainText("second thoughts");
  await expect(button(page, "Cancel the order")).toBeHidden();
});

test("the way of a paid order is told below its details, and is told from the statement, too", async ({ page, request, user }) => {
  await give(request, user, "10");
  await enter(page, user);
  await orderForm(page).fill("4", "told");
  await orderForm(page).submit.click();
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
  const fromTheList = rows(page);
  const fromTheStatement = page.getByRole("row", { name: /Payment/ }).getByRole("button", { name: /^Order …/ });
  for (const way of [fromTheList, fromTheStatement]) {
    await way.click();
    await expect(drawer(page).locator("[data-step=pushed]")).toBeVisible();
    await expect.poll(() => steps(page)).toEqual(PAID_STEPS);
    await expect(drawer(page).locator("[data-step=settled]")).toContainText("FINISHED: payments took 4.00 RUB.");
    await expect(drawer(page).getByText("What it waits for")).toBeHidden();
    await expect(button(page, "Cancel the order")).toBeHidden();
    // What the shop says in UTC is shown as times are shown here.
    await expect(drawer(page)).not.toContainText(/\d{4}-\d{2}-\d{2}T/);
    await page.keyboard.press("Escape");
    await expect(drawer(page)).toBeHidden();
    await expect(way).toBeFocused();
  }
});

test("a wish that comes too late is said so, and the order is shown as it is", async ({ page, request, user }) => {
  const times = await behindTheTimes(page, request, user);
  await rows(page).click();
  await button(page, "Cancel the order").click();
  times.catchUp();
  await button(page, "Yes, cancel it").click();
  await expect(drawer(page)).toContainText("Too late to cancel");
  await expect(drawer(page).getByText("Paid", { exact: true })).toBeVisible();
  await expect(toast(page, "Hooray!")).toHaveCount(1);
  await page.keyboard.press("Escape");
  await expect(rows(page)).toHaveAttribute("data-status", "FINISHED");
});

test("a busy shop is said so, and may be asked again", async ({ page, request, user }) => {
  const times = await behindTheTimes(page, request, user);
  let asked = 0;
  await page.route("**/orders/*/cancel", async (route) => {
    asked += 1;
    if (asked > 1) {
      times.catchUp();
      return route.fallback();
    }
    await route.fulfill({
      status: 503,
      headers: { "Retry-After": "1", "Content-Type": "application/problem+json" },
      body: JSON.stringify({ type: "urn:gozon:problem:overloaded", title: "t", status: 503, detail: "d", code: "overloaded" }),
    });
  });
  await rows(page).click();
  await button(page, "Cancel the order").click();
  await button(page, "Yes, cancel it").click();
  await expect(drawer(page).getByRole("alert")).toContainText("The shop is busy right now");
  expect(asked).toBe(1);
  await button(page, "Try again").click();
  await expect(drawer(page)).toContainText("Too late to cancel");
  expect(asked).toBe(2);
});
