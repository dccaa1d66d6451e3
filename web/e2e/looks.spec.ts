// How the page holds up to axe in both colour schemes, and on the narrowest phone.
import AxeBuilder from "@axe-core/playwright";
import { behindTheTimes, enter, expect, give, orderForm, rows, test, toast, type Page } from "./shopper";

async function findings(page: Page): Promise<string[]> {
  // Toasts and the drawer slide in; contrast is that of the end.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null))));
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, impact, nodes }) => nodes.map(({ html, failureSummary }) => `${impact ?? "?"} ${id} ${html} ${failureSummary ?? ""}`));
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    // A toast that fades out while axe looks has the contrast of neither.
    test.use({ colorScheme, contextOptions: { reducedMotion: "reduce" } });

    test("axe finds nothing, from the welcome to being offline", async ({ page, context, request, user }) => {
      await page.goto("/");
      await expect(page.getByLabel("Your id")).toBeVisible();
      expect(await findings(page)).toEqual([]);
      await give(request, user, "10");
      await enter(page, user);
      await orderForm(page).fill("4", "paid");
      await orderForm(page).submit.click();
      await expect(toast(page, "Hooray!")).toBeVisible();
      await page.waitForTimeout(750);
      await orderForm(page).fill("400", "too much");
      await orderForm(page).submit.click();
      await expect(rows(page).and(page.locator("[data-status=CANCELLED]"))).toBeVisible();
      await page.waitForTimeout(750);
      await orderForm(page).submit.click();
      expect(await findings(page)).toEqual([]);
      await rows(page).first().click();
      await expect(page.getByRole("dialog")).toBeVisible();
      expect(await findings(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog")).toBeHidden();
      await context.setOffline(true);
      await orderForm(page).fill("1", "kept");
      await orderForm(page).submit.click();
      await expect(page.getByText("No answer yet")).toBeVisible();
      expect(await findings(page)).toEqual([]);
    });

    test("axe finds nothing in the question whether to cancel", async ({ page, request, user }) => {
      await behindTheTimes(page, request, user);
      await rows(page).click();
      await page.getByRole("button", { name: "Cancel the order" }).click();
      await expect(page.getByRole("group", { name: "Cancel this order?" })).toBeVisible();
      expect(await findings(page)).toEqual([]);
    });

    test("the scheme can be switched and is remembered", async ({ page }) => {
      await page.goto("/");
      const root = page.locator("html");
      await expect(root).toHaveAttribute("data-mantine-color-scheme", colorScheme);
      const other = colorScheme === "light" ? "dark" : "light";
      for (let press = 0; press < (other === "light" ? 1 : 2); press += 1) await page.getByRole("button", { name: /^Colours/ }).click();
      await expect(root).toHaveAttribute("data-mantine-color-scheme", other);
      await page.reload();
      await expect(root).toHaveAttribute("data-mantine-color-scheme", other);
    });
  });
}

test.describe("a phone of 360 pixels", () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, locale: "ru-RU" });

  test("shows everything without scrolling sideways, the longest words included", async ({ page, request, user }) => {
    await give(request, user, "1000000000000");
    await enter(page, user);
    await orderForm(page).fill("999999999999,99", "Ж".repeat(200));
    await orderForm(page).submit.tap();
    await expect(toast(page, "УРА!")).toBeVisible();
    const widths = () => page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(await widths()).toEqual([360, 360]);
    await rows(page).tap();
    await expect(page.getByRole("dialog")).toBeVisible();
    expect(await widths()).toEqual([360, 360]);
  });
});
