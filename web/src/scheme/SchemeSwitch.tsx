// Light, dark, or as the system has it: one button that goes round.
import { ActionIcon, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { useWords } from "../i18n/setup";
import { HalfMoon, Moon, Sun } from "../shop/icons";

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: "light", light: "dark", dark: "auto" };
const ICON = { auto: HalfMoon, light: Sun, dark: Moon };

export function SchemeSwitch() {
  const { t } = useWords();
  // Keeping transitions spares a style element, which the page's policy would refuse.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const next = NEXT[colorScheme];
  const label = t("scheme.label", { now: t(`scheme.${colorScheme}`), next: t(`scheme.${next}`) });
  const Sign = ICON[colorScheme];
  return (
    <ActionIcon variant="default" size="lg" aria-label={label} title={label} onClick={() => setColorScheme(next)}>
      <Sign />
    </ActionIcon>
  );
}
