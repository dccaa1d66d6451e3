// The documentation of both services in a real browser: a call is tried out where it is described, and really made.
// Absent: what the documents say; the shop's own tests compare that.
import { expect, ordersOf, test, type Page } from "./shopper";

/** Opens a call in Swagger UI and prepares it to be sent by this user. */
async function tryOut(page: Page, docs: string, id: string, user: string) {
  await page.goto(docs);
  const call = page.locator(`#operations-${id}`);
  await call.locator(".opblock-summary-control").click();
  await call.getByRole("button", { name: "Try it out" }).click();
  await call.locator("tr[data-param-name=X-User-Id] input").fill(user);
  return call;
}

/** Sends it and gives the answer that Swagger UI shows. */
async function execute(call: Awaited<ReturnType<typeof tryOut>>) {
  await call.getByRole("button", { name: "Execute" }).click();
  const answer = call.locator(".live-responses-table tbody tr.response");
  return { status: answer.locator(".response-col_status"), body: answer.locator(".response-col_description .highlight-code").first() };
}

test("an account is created, topped up and seen from the documentation of payments", async ({ page, user }) => {
  const created = await execute(await tryOut(page, "/payments/docs/", "accounts-create", user));
  await expect(created.status).toContainText("201");
  await expect(created.body).toContainText(`"user_id": "${user}"`);
  const toppedUp = await execute(await tryOut(page, "/payments/docs/", "accounts-top_up", user));
  await expect(toppedUp.status).toContainText("200");
  await expect(toppedUp.body).toContainText('"balance": "100.00"');
  const balance = await execute(await tryOut(page, "/payments/docs/", "accounts-balance", user));
  await expect(balance.body).toContainText('"balance": "100.00"');
});

test("an order is placed from the documentation of orders, and is there", async ({ page, request, user }) => {
  const call = await tryOut(page, "/orders/docs/", "orders-place", user);
  const placed = await execute(call);
  await expect(placed.status).toContainText("201");
  await expect(placed.body).toContainText('"status": "NEW"');
  await expect(call.locator(".live-responses-table")).toContainText("location: /orders/");
  expect(await ordersOf(request, user)).toMatchObject([{ amount: "50.00", description: "Two tickets" }]);
});

test("a refusal is shown where it happened", async ({ page }) => {
  const refused = await execute(await tryOut(page, "/payments/docs/", "accounts-balance", "nobody-has-this-account"));
  await expect(refused.status).toContainText("404");
  await expect(refused.body).toContainText('"code": "account_not_found"');
});
