// An amount on the screen, and the field to type one into.
import { TextInput, type TextInputProps } from "@mantine/core";
import { useWords } from "../i18n/setup";
import { readMoney, showMoney } from "./money";

export function Amount({ decimal, currency }: { decimal: string; currency: string }) {
  const { language } = useWords();
  return <>{showMoney(readMoney(decimal), currency, language)}</>;
}

/** A text field, not a number one: that would turn money into a float and refuse the comma. */
export function AmountInput(props: TextInputProps) {
  const { language } = useWords();
  return (
    <TextInput
      inputMode="decimal"
      autoComplete="off"
      placeholder={language === "ru" ? "0,00" : "0.00"}
      required
      {...props}
    />
  );
}
