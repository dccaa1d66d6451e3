// Starts the session of a user, and lets its events do what they are for: toasts, and lists that are fresh.
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { i18n } from "../i18n/setup";
import { readMoney, showMoney } from "../money/money";
import type { Desktop } from "../telling/desktop";
import { placedToast, tellChange, tellDone } from "../telling/tell";
import { keys, Refreshing } from "./queries";
import { Session } from "./session";

export function useSessionOf(user: string, hold: boolean, desktop: Desktop): Session {
  const queries = useQueryClient();
  const [session] = useState(() => {
    const refreshing = new Refreshing(queries, user);
    const { t } = i18n;
    const money = (decimal: string, currency: string) => showMoney(readMoney(decimal), currency, i18n.language);
    const made: Session = new Session(user, {
      onNews(fact, tell) {
        refreshing.now();
        if (tell) tellChange(fact, { t, language: i18n.language, currency: made.currency.get(), desktop });
      },
      onStale: () => refreshing.now(),
      onPlaced(order) {
        refreshing.now();
        // Push may have overtaken the answer; then everything is said already.
        if (made.known.newest(order).status !== "NEW") return;
        const amount = money(order.amount, order.currency);
        tellDone(placedToast(order.id), t("placing.placed"), t("placing.placedText", { amount }), t);
      },
      onToppedUp({ transaction_id, user_id, balance, currency }) {
        queries.setQueryData(keys.balance(user), { user_id, balance, currency });
        refreshing.now();
        tellDone(transaction_id, t("account.toppedUp"), t("account.toppedUpText", { balance: money(balance, currency) }), t);
      },
    });
    return made;
  });
  useEffect(() => {
    session.start(hold);
    return () => {
      session.stop();
      // What it told is no one else's to read.
      notifications.clean();
    };
  }, [session, hold]);
  return session;
}
