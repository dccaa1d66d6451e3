// Asks to be told while the tab is hidden; the browser's question comes only after this click.
import { Button } from "@mantine/core";
import { useWords } from "../i18n/setup";
import { Bell } from "../shop/icons";
import { useWatched } from "../watching/useWatched";
import type { Desktop } from "./desktop";

export function NotifyMe({ desktop }: { desktop: Desktop }) {
  const { t } = useWords();
  const state = useWatched(desktop.state);
  if (state === "unsupported") return null;
  const label = { denied: t("telling.denied"), on: t("telling.onLabel"), off: t("telling.offLabel") }[state];
  return (
    <Button
      size="sm"
      px="sm"
      variant={state === "on" ? "light" : "default"}
      leftSection={<Bell />}
      disabled={state === "denied"}
      title={label}
      onClick={() => void desktop.toggle()}
    >
      {state === "denied" ? t("telling.denied") : t(`telling.${state}`)}
    </Button>
  );
}
