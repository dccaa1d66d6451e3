// Tells the shopper what became of an order: a toast, and a browser notification if nobody is looking.
// Absent: deciding whether to tell; orders/known.ts has decided that each change is told once.
import { notifications } from "@mantine/notifications";
import type { Words } from "../i18n/setup";
import { readMoney, showMoney } from "../money/money";
import { knownReason } from "../orders/order";
import type { Fact } from "../push/messages";
import type { Desktop } from "./desktop";

/** Long enough to be read twice; pointing at it stops the clock. */
const STAYS = 10_000;

export interface Telling {
  t: Words;
  language: string;
  currency: string;
  desktop: Desktop;
}

export function tellChange(fact: Fact, { t, language, currency, desktop }: Telling): void {
  const amount = showMoney(readMoney(fact.amount), currency, language);
  const { title, message, color } = words(fact, amount, t);
  const id = `${fact.id}@${fact.version}`;
  // What became of it says that it was placed, too.
  notifications.hide(placedToast(fact.id));
  show(id, title, message, color, t);
  desktop.show(title, message, id);
}

function words({ status, reason }: Fact, amount: string, t: Words) {
  if (status === "FINISHED") return { title: t("telling.paid"), message: t("telling.paidText", { amount }), color: "green" };
  const why = knownReason(reason) ?? "unknown";
  // The shopper wanted it: no failure.
  if (why === "cancelled_by_user") return { title: t("telling.withdrawn"), message: t("telling.withdrawnText", { amount }), color: "indigo" };
  return { title: t("telling.cancelled"), message: t("telling.cancelledText", { amount, reason: t(`orders.reason.${why}`) }), color: "red" };
}

/** The toast of an order that was placed, until there is more to say. */
export function placedToast(order: string): string {
  return `${order}@placed`;
}

/** A smaller piece of news: something the shopper did has worked. */
export function tellDone(id: string, title: string, message: string, t: Words): void {
  show(id, title, message, "indigo", t);
}

function show(id: string, title: string, message: string, color: string, t: Words): void {
  notifications.show({
    id,
    title,
    message,
    color,
    autoClose: STAYS,
    withBorder: true,
    closeButtonProps: { "aria-label": t("telling.close") },
  });
}
