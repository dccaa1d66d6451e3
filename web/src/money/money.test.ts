// Money under test: nothing is lost between the shop's decimals, a person's typing and what the screen shows.
import { describe, expect, test } from "vitest";
import { minor, readMoney, showMoney, writeMoney } from "./money";
import { LARGEST, readTyped } from "./typed";

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("the shop's decimals", () => {
  test.each([
    ["0.00", 0n],
    ["0.01", 1n],
    ["-0.01", -1n],
    ["50.00", 5000n],
    ["-50.05", -5005n],
    ["1000000000000.00", 100_000_000_000_000n],
    ["92233720368547758.07", 9_223_372_036_854_775_807n],
  ])("%s is read and written back", (text, units) => {
    expect(readMoney(text)).toBe(units);
    expect(writeMoney(readMoney(text))).toBe(text);
  });

  test.each(["", "50", "50.5", "50.000", "1e3", "NaN", "+1.00", " 1.00", "1,00"])("%j is refused", (text) => {
    expect(() => readMoney(text)).toThrow(TypeError);
  });
});

describe("what a person sees", () => {
  test("more digits than a float has are all shown", () => {
    const much = minor(9_223_372_036_854_775_807n);
    expect(plain(showMoney(much, "RUB", "ru"))).toBe("92 233 720 368 547 758,07 ₽");
    expect(showMoney(much, "USD", "en")).toBe("$92,233,720,368,547,758.07");
  });

  test("small and negative amounts keep their sign and hundredths", () => {
    expect(showMoney(minor(-5n), "USD", "en")).toBe("-$0.05");
    expect(showMoney(minor(-150n), "USD", "en")).toBe("-$1.50");
    expect(showMoney(minor(0n), "USD", "en")).toBe("$0.00");
    expect(plain(showMoney(minor(-5n), "RUB", "ru"))).toBe("-0,05 ₽");
    expect(showMoney(minor(99n), "USD", "en")).toBe("$0.99");
  });

  test("every hundredth of a whole is shown as itself", () => {
    for (let units = 0n; units < 300n; units += 1n) {
      expect(showMoney(minor(units), "USD", "en")).toBe(`$${writeMoney(minor(units))}`);
    }
  });
});

describe("what a person types", () => {
  test.each([
    ["50", "50.00"],
    ["50.5", "50.50"],
    ["50,5", "50.50"],
    [" 0,01 ", "0.01"],
    ["007", "7.00"],
    ["1 000", "1000.00"],
    ["1\u00a0234\u202f567,89", "1234567.89"],
    ["1000000000000", "1000000000000.00"],
    ["1000000000000,00", "1000000000000.00"],
  ])("%j means %s", (typed, decimal) => {
    const read = readTyped(typed);
    expect(read.ok && writeMoney(read.money)).toBe(decimal);
  });

  test.each([
    ["", "empty"],
    ["   ", "empty"],
    ["abc", "not_a_number"],
    ["1e3", "not_a_number"],
    ["0x10", "not_a_number"],
    [",5", "not_a_number"],
    ["5,", "not_a_number"],
    ["1,000.50", "not_a_number"],
    ["1.2.3", "not_a_number"],
    ["1 00", "not_a_number"],
    ["１２", "not_a_number"],
    ["Infinity", "not_a_number"],
    ["--5", "not_a_number"],
    ["0.001", "too_many_decimals"],
    ["1,000", "too_many_decimals"],
    ["0", "not_positive"],
    ["0,00", "not_positive"],
    ["-500", "not_positive"],
    ["\u2212500", "not_positive"],
    ["1000000000000.01", "too_large"],
    ["9".repeat(400), "too_large"],
  ])("%j is refused as %s", (typed, fault) => {
    expect(readTyped(typed)).toEqual({ ok: false, fault });
  });

  test("the largest is exactly the contract's", () => {
    expect(writeMoney(LARGEST)).toBe("1000000000000.00");
  });

  test("what is shown in either language can be typed back", () => {
    for (const units of [1n, 99n, 100n, 12_345n, 123_456_789n]) {
      const shown = showMoney(minor(units), "RUB", "ru").replace(/\s?₽$/, "");
      expect(readTyped(shown)).toEqual({ ok: true, money: units });
    }
  });
});
