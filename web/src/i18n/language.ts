// Which language the page speaks: the one chosen before, or the first of the browser's that it knows.
import type { Store } from "../remembering/store";

export const LANGUAGES = ["ru", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

const NAME = "gozon.language";

export function isLanguage(text: string | null | undefined): text is Language {
  return LANGUAGES.some((language) => language === text);
}

export function chosenLanguage(store: Store, browsers: readonly string[]): Language {
  const remembered = store.get(NAME);
  if (isLanguage(remembered)) return remembered;
  for (const tag of browsers) {
    const language = tag.toLowerCase().split("-")[0];
    if (isLanguage(language)) return language;
  }
  return "en";
}

export function rememberLanguage(store: Store, language: Language): void {
  store.set(NAME, language);
}
