// Everything about one order, in a drawer beside the list; it changes while it is open.
import { Button, CopyButton, Drawer, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { Amount } from "../money/Amount";
import { Failed } from "../shop/Placeholders";
import { useSession } from "../shop/SessionContext";
import { knownReason, type Order } from "./order";
import { StatusMark } from "./OrderRow";
import classes from "./Orders.module.css";
import { useOrder } from "./useOrders";

export function OrderDetails({ order, close }: { order: Order | null; close: () => void }) {
  const { t } = useWords();
  // The drawer slides out with what it showed, instead of emptying first.
  const [shown, setShown] = useState(order);
  if (order && order !== shown) setShown(order);
  return (
    // Locking the page's scrolling would need a style element, which the page's policy refuses.
    <Drawer.Root opened={order !== null} onClose={close} position="right" size="md" lockScroll={false}>
      <Drawer.Overlay />
      <Drawer.Content>
        {/* Not Drawer.Header: that is a second banner to a screen reader. */}
        <div className={classes.drawerHead}>
          <Drawer.Title className={classes.drawerTitle}>{t("order.title")}</Drawer.Title>
          <Drawer.CloseButton aria-label={t("order.close")} />
        </div>
        <Drawer.Body>{shown && <Details listed={shown} />}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function Details({ listed }: { listed: Order }) {
  const { t, language } = useWords();
  const { known } = useSession();
  const { order: fetched, error, refetch } = useOrder(listed.id);
  const order = fetched ?? known.newest(listed);
  const reason = knownReason(order.reason);
  const advice = reason === "insufficient_funds" || reason === "account_not_found" ? t(`orders.advice.${reason}`) : null;
  const time = (at: string) => showTime(at, language);
  return (
    <>
      {error && !fetched && <Failed title={t("order.failed")} error={error} retry={() => void refetch()} />}
      <dl className={classes.details}>
        <Detail name={t("order.status")}>
          <span aria-live="polite">
            <StatusMark status={order.status} />
          </span>
        </Detail>
        {reason && (
          <Detail name={t("order.reason")}>
            {t(`orders.reason.${reason}`)}. {advice}
          </Detail>
        )}
        <Detail name={t("order.amount")}>
          <Text fw={600} component="span">
            <Amount decimal={order.amount} currency={order.currency} />
          </Text>
        </Detail>
        <Detail name={t("order.description")}>{order.description ?? t("orders.noDescription")}</Detail>
        <Detail name={t("order.placed")}>{time(order.created_at)}</Detail>
        {order.status === "NEW" && <Detail name={t("order.payBefore")}>{time(order.pay_before)}</Detail>}
        {order.cancel_requested_at && <Detail name={t("order.cancelRequested")}>{time(order.cancel_requested_at)}</Detail>}
        {order.version > 1 && <Detail name={t("order.updated")}>{time(order.updated_at)}</Detail>}
        <Detail name={t("order.id")}>
          <span className={classes.id}>{order.id}</span>
          <CopyId id={order.id} />
        </Detail>
      </dl>
    </>
  );
}

function Detail({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function CopyId({ id }: { id: string }) {
  const { t } = useWords();
  return (
    <CopyButton value={id}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="default" onClick={copy} aria-live="polite">
          {copied ? t("order.copied") : t("order.copy")}
        </Button>
      )}
    </CopyButton>
  );
}
