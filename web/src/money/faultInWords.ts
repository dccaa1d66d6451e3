// Why a typed amount is not taken, in words.
import type { Words } from "../i18n/setup";
import { showMoney } from "./money";
import { LARGEST, type AmountFault } from "./typed";

export function amountFaultInWords(fault: AmountFault, t: Words, currency: string, language: string): string {
  return t(`amount.faults.${fault}`, { largest: showMoney(LARGEST, currency, language) });
}
