// My orders, live: the filter, the rows, the next page, and the details of one.
import { Button, SegmentedControl, VisuallyHidden } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useWords } from "../i18n/setup";
import { Card } from "../shop/Card";
import { Empty, Failed, Loading } from "../shop/Placeholders";
import type { Order, Status } from "./order";
import { STATUSES } from "./order";
import { OrderDetails } from "./OrderDetails";
import { OrderRow } from "./OrderRow";
import classes from "./Orders.module.css";
import { useOrders } from "./useOrders";

export function OrderList({ beside }: { beside: ReactNode }) {
  const { t } = useWords();
  const [status, setStatus] = useState<Status | null>(null);
  const [opened, setOpened] = useState<Order | null>(null);
  return (
    <Card title={t("orders.title")} id="orders" beside={beside}>
      <SegmentedControl
        className={classes.filter}
        aria-label={t("orders.filter")}
        fullWidth
        value={status ?? "ALL"}
        onChange={(chosen) => setStatus(STATUSES.find((known) => known === chosen) ?? null)}
        data={[
          { value: "ALL", label: t("orders.all") },
          ...STATUSES.map((known) => ({ value: known, label: t(`orders.filterStatus.${known}`) })),
        ]}
      />
      <Rows status={status} open={setOpened} />
      <OrderDetails opened={opened} close={() => setOpened(null)} />
    </Card>
  );
}

function Rows({ status, open }: { status: Status | null; open: (order: Order) => void }) {
  const { t } = useWords();
  const { orders, data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useOrders(status);
  if (!data) {
    if (error) return <Failed title={t("orders.failed")} error={error} retry={() => void refetch()} />;
    return <Loading rows={3} />;
  }
  return (
    <>
      {orders.length === 0 && !hasNextPage && (
        <Empty title={status ? t("orders.emptyFiltered") : t("orders.empty")} {...(!status && { text: t("orders.emptyText") })} />
      )}
      <ul className={classes.rows}>
        {orders.map((order) => (
          <li key={order.id}>
            <OrderRow order={order} open={() => open(order)} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <Button
          variant="default"
          fullWidth
          mt="md"
          aria-disabled={isFetchingNextPage}
          onClick={() => !isFetchingNextPage && void fetchNextPage()}
        >
          {isFetchingNextPage ? t("orders.loadingMore") : t("orders.more")}
        </Button>
      )}
      <VisuallyHidden role="status">{isFetchingNextPage ? t("orders.loadingMore") : ""}</VisuallyHidden>
    </>
  );
}
