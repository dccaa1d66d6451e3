// The other language, one click away, written in itself.
import { Button } from "@mantine/core";
import { useWords } from "./setup";

export function LanguageSwitch() {
  const { t, language, choose } = useWords();
  const other = language === "ru" ? "en" : "ru";
  return (
    <Button variant="default" size="sm" px="sm" lang={other} title={t("language.label")} onClick={() => choose(other)}>
      {t("language.switch")}
    </Button>
  );
}
