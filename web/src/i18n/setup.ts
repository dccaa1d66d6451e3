// i18next with both languages on board: they are small, and a switch must not need the network.
import { createInstance, type TFunction } from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";
import { forGood } from "../remembering/store";
import { en } from "./en";
import { chosenLanguage, isLanguage, rememberLanguage, type Language } from "./language";
import { ru } from "./ru";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

export const i18n = createInstance();

void i18n.use(initReactI18next).init({
  lng: chosenLanguage(forGood, navigator.languages),
  fallbackLng: "en",
  supportedLngs: ["ru", "en"],
  resources: { ru: { translation: ru }, en: { translation: en } },
  // React escapes by itself; nothing here writes HTML.
  interpolation: { escapeValue: false },
  // Both languages are here already, so the first paint need not wait for a turn of the event loop.
  initAsync: false,
});

const markPage = () => (document.documentElement.lang = i18n.language);
markPage();
i18n.on("languageChanged", markPage);

export type Words = TFunction;

/** The words, the language they are in, and how to change it. */
export function useWords() {
  const { t } = useTranslation("translation", { i18n });
  const language: Language = isLanguage(i18n.language) ? i18n.language : "en";
  const choose = (chosen: Language) => {
    rememberLanguage(forGood, chosen);
    void i18n.changeLanguage(chosen);
  };
  return { t, language, choose };
}
