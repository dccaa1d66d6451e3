// One order in the list: what, how much, when, and how it stands. All of it is one button that opens the details.
import { UnstyledButton } from "@mantine/core";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { readMoney, showMoney } from "../money/money";
import { knownReason, type Order } from "./order";
import classes from "./Orders.module.css";

export function OrderRow({ order, open }: { order: Order; open: () => void }) {
  const { t, language } = useWords();
  const what = order.description ?? t("orders.noDescription");
  const amount = showMoney(readMoney(order.amount), order.currency, language);
  const reason = knownReason(order.reason);
  return (
    <UnstyledButton className={classes.row} onClick={open} aria-haspopup="dialog" data-order={order.id} data-status={order.status}>
      <span className={classes.what} data-empty={order.description === null || undefined}>
        {what}
      </span>
      <span className={classes.amount}>{amount}</span>
      <span className={classes.when}>
        {showTime(order.created_at, language)}
        {reason && <span className={classes.reason}>{t(`orders.reason.${reason}`)}</span>}
      </span>
      <StatusMark order={order} />
    </UnstyledButton>
  );
}

export function StatusMark({ order: { status, cancel_requested_at } }: { order: Order }) {
  const { t } = useWords();
  const cancelling = status === "NEW" && cancel_requested_at !== null;
  return (
    <span className={classes.status} data-status={status}>
      {cancelling ? t("orders.cancelling") : t(`orders.status.${status}`)}
    </span>
  );
}
