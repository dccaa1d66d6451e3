// The languages under test: the same words in both, the same gaps in each, and the right one chosen.
import { describe, expect, test } from "vitest";
import { fakeStore } from "../remembering/fakeStore";
import { en } from "./en";
import { chosenLanguage, rememberLanguage } from "./language";
import { ru } from "./ru";
import { showTime } from "./time";

function flat(words: object, path = ""): [string, string][] {
  return Object.entries(words).flatMap(([name, value]: [string, unknown]) =>
    typeof value === "object" && value !== null ? flat(value, `${path}${name}.`) : [[`${path}${name}`, String(value)] as [string, string]],
  );
}

const gaps = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

describe("both languages", () => {
  test("say the same things, with the same gaps", () => {
    expect(flat(ru).map(([path]) => path)).toEqual(flat(en).map(([path]) => path));
    const english = new Map(flat(en));
    for (const [path, text] of flat(ru)) expect(gaps(text), path).toEqual(gaps(english.get(path) ?? ""));
  });

  test("leave nothing empty, and Russian is Russian", () => {
    for (const [path, text] of [...flat(en), ...flat(ru)]) expect(text.trim(), path).not.toBe("");
    for (const [path, text] of flat(ru)) {
      const saysSomething = /\p{L}/u.test(text.replace(/\{\{\w+\}\}/g, ""));
      if (saysSomething && path !== "language.switch") expect(text, path).toMatch(/[а-яё]/i);
    }
  });
});

describe("the language", () => {
  test.each([
    [["ru-RU", "en-US"], "ru"],
    [["de-DE", "en-GB", "ru"], "en"],
    [["de", "ru"], "ru"],
    [["de"], "en"],
    [[], "en"],
  ])("of a browser that wants %j is %s", (browsers, language) => {
    expect(chosenLanguage(fakeStore(), browsers)).toBe(language);
  });

  test("that was chosen is remembered; nonsense is not", () => {
    const store = fakeStore();
    rememberLanguage(store, "ru");
    expect(chosenLanguage(store, ["en"])).toBe("ru");
    store.set("gozon.language", "tlh");
    expect(chosenLanguage(store, ["en"])).toBe("en");
  });
});

test("a time has its year only when it is another one", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  expect(showTime("2026-11-21T11:46:00.000001Z", "en", now)).not.toContain("2026");
  expect(showTime("2024-02-29T11:46:00Z", "en", now)).toContain("2024");
});
