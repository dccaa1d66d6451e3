// Everything about one order, in a drawer beside the list; it changes while it is open.
import { Button, CopyButton, Drawer, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { Amount } from "../money/Amount";
import { Failed, Loading } from "../shop/Placeholders";
import { useSession } from "../shop/SessionContext";
import { CancelOrder } from "./CancelOrder";
import { isAdvised, knownReason, type Order } from "./order";
import { StatusMark } from "./OrderRow";
import { OrderTimeline } from "./OrderTimeline";
import classes from "./Orders.module.css";
import { useOrder } from "./useOrders";

/** Which order: one from a list, or one that only its id is known of. */
export type Opened = Order | Pick<Order, "id">;

export function OrderDetails({ opened, close }: { opened: Opened | null; close: () => void }) {
  const { t } = useWords();
  // The drawer slides out with what it showed, instead of emptying first.
  const [shown, setShown] = useState(opened);
  if (opened && opened !== shown) setShown(opened);
  return (
    // Locking the page's scrolling would need a style element, which the page's policy refuses.
    <Drawer.Root opened={opened !== null} onClose={close} position="right" size="md" lockScroll={false}>
      <Drawer.Overlay />
      <Drawer.Content>
        {/* Not Drawer.Header: that is a second banner to a screen reader. */}
        <div className={classes.drawerHead}>
          <Drawer.Title className={classes.drawerTitle}>{t("order.title")}</Drawer.Title>
          <Drawer.CloseButton aria-label={t("order.close")} />
        </div>
        <Drawer.Body>{shown && <Details key={shown.id} opened={shown} />}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

function Details({ opened }: { opened: Opened }) {
  const { t } = useWords();
  const { known } = useSession();
  const { order: fetched, error, refetch } = useOrder(opened.id);
  const order = fetched ?? ("status" in opened ? known.newest(opened) : null);
  return (
    <>
      {error && !fetched && <Failed title={t("order.failed")} error={error} retry={() => void refetch()} />}
      {order && <Facts order={order} />}
      {order && <CancelOrder order={order} />}
      {order && <OrderTimeline id={order.id} />}
      {!order && !error && <Loading rows={4} />}
    </>
  );
}

function Facts({ order }: { order: Order }) {
  const { t, language } = useWords();
  const reason = knownReason(order.reason);
  const advice = isAdvised(reason) ? t(`orders.advice.${reason}`) : null;
  const time = (at: string) => showTime(at, language);
  return (
    <dl className={classes.details}>
      <Detail name={t("order.status")}>
        <span aria-live="polite">
          <StatusMark order={order} />
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
