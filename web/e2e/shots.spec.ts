// Pictures of the main states, for looking at and for the README: SHOTS says where they go; without it nothing is taken.
import { enter, expect, give, orderForm, rows, test, toast, type Page } from "./shopper";

const folder = process.env.SHOTS ?? "";
test.skip(folder === "", "SHOTS names no folder");

const SHOPPING = [
  ["topup", "5000"],
  ["order", "1290.00", { ru: "Два билета в театр", en: "Two theatre tickets" }],
  ["order", "349.90", { ru: "Кофе в зёрнах, 1 кг", en: "Coffee beans, 1 kg" }],
  ["order", "99999.00", { ru: "Гоночный велосипед", en: "A racing bicycle" }],
  ["topup", "750.50"],
  ["order", "2100.00", { ru: "Зимние ботинки", en: "Winter boots" }],
] as const;

async function live(page: Page, user: string, language: "ru" | "en") {
  const headers = { "X-User-Id": user };
  await give(page.request, user, "500");
  for (const [what, amount, words] of SHOPPING) {
    if (what === "topup") await page.request.post("/accounts/topup", { headers, data: { amount } });
    else await page.request.post("/orders", { headers, data: { amount, description: words[language] } });
    // So that the chart has some width.
    await page.waitForTimeout(700);
  }
  await enter(page, user);
  await expect(rows(page)).toHaveCount(4);
  await expect(page.getByRole("img")).toBeVisible();
}

const calm = (page: Page) => page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => null))));

for (const [name, language, colorScheme, viewport] of [
  ["desktop-light-ru", "ru", "light", { width: 1180, height: 900 }],
  ["desktop-dark-en", "en", "dark", { width: 1180, height: 900 }],
  ["phone-light-ru", "ru", "light", { width: 360, height: 780 }],
  ["phone-dark-en", "en", "dark", { width: 360, height: 780 }],
] as const) {
  test.describe(name, () => {
    test.use({ colorScheme, viewport, locale: language === "ru" ? "ru-RU" : "en-US" });

    test("is worth a picture", async ({ page, context }) => {
      const user = `anna-${Date.now().toString(36).slice(-4)}`;
      await page.goto("/");
      await page.screenshot({ path: `${folder}/${name}-welcome.png` });
      await live(page, user, language);
      await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
      await orderForm(page).fill("420", language === "ru" ? "Пирог с вишней" : "A cherry pie");
      await orderForm(page).submit.click();
      await expect(toast(page, language === "ru" ? "УРА!" : "Hooray!")).toBeVisible();
      await calm(page);
      await page.screenshot({ path: `${folder}/${name}-paid.png` });
      await rows(page).and(page.locator("[data-status=CANCELLED]")).click();
      await expect(page.getByRole("dialog")).toBeVisible();
      await calm(page);
      await page.screenshot({ path: `${folder}/${name}-details.png` });
      await page.keyboard.press("Escape");
      await context.setOffline(true);
      await page.waitForTimeout(1_000);
      await orderForm(page).fill("1,5", "");
      await orderForm(page).submit.click();
      await page.waitForTimeout(500);
      await page.screenshot({ path: `${folder}/${name}-offline.png` });
    });
  });
}
