// The statement: every entry of the account with the balance after it, and the balance over time above it.
import { Button, UnstyledButton } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { NoValue, valueOf } from "../api/answer";
import { call } from "../api/call";
import type { components } from "../api/payments";
import { useWords } from "../i18n/setup";
import { showTime } from "../i18n/time";
import { Amount } from "../money/Amount";
import { OrderDetails, type Opened } from "../orders/OrderDetails";
import { Card } from "../shop/Card";
import { Empty, Failed, Loading } from "../shop/Placeholders";
import { keys } from "../shop/queries";
import { useSession } from "../shop/SessionContext";
import { useWatched } from "../watching/useWatched";
import { LateChart } from "./LateChart";
import classes from "./Statement.module.css";
import { stepsOf } from "./steps";

type Transaction = components["schemas"]["Transaction"];
const PAGE = 20;

export function Statement() {
  const { t } = useWords();
  return (
    <Card title={t("statement.title")}>
      <Entries />
    </Card>
  );
}

function useStatement() {
  const { user } = useSession();
  return useInfiniteQuery({
    queryKey: keys.statement(user),
    queryFn: async ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam !== null && { cursor: pageParam }) };
      return valueOf(await call("get", "/accounts/transactions", { user, query, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
  });
}

function Entries() {
  const { t } = useWords();
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useStatement();
  const noAccount = error instanceof NoValue && error.code === "account_not_found";
  if (!data && error && !noAccount) return <Failed title={t("statement.failed")} error={error} retry={() => void refetch()} />;
  if (!data && !noAccount) return <Loading rows={2} />;
  const entries = data?.pages.flatMap(({ transactions }) => transactions) ?? [];
  if (entries.length === 0) return <Empty title={t("statement.empty")} text={t("statement.emptyText")} />;
  return (
    <>
      <ChartAndTable entries={entries} />
      {hasNextPage && (
        <Button
          variant="default"
          fullWidth
          mt="md"
          aria-disabled={isFetchingNextPage}
          onClick={() => !isFetchingNextPage && void fetchNextPage()}
        >
          {isFetchingNextPage ? t("orders.loadingMore") : t("statement.more")}
        </Button>
      )}
    </>
  );
}

function ChartAndTable({ entries }: { entries: Transaction[] }) {
  const { t } = useWords();
  const currency = useWatched(useSession().currency);
  const [order, setOrder] = useState<Opened | null>(null);
  return (
    <>
      <LateChart points={stepsOf(entries)} currency={currency} />
      {/* Only amounts in the millions are too wide for a phone; then the table scrolls, by keyboard too. */}
      <div className={classes.scroll} tabIndex={0} role="group" aria-label={t("statement.title")}>
        <Table entries={entries} currency={currency} open={(id) => setOrder({ id })} />
      </div>
      <OrderDetails opened={order} close={() => setOrder(null)} />
    </>
  );
}

interface TableProps {
  entries: Transaction[];
  currency: string;
  /** Shows the order that an entry is about. */
  open: (order: string) => void;
}

function Table({ entries, currency, open }: TableProps) {
  const { t, language } = useWords();
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">{t("statement.what")}</th>
          <th scope="col">{t("statement.amount")}</th>
          <th scope="col">{t("statement.after")}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.id}>
            <th scope="row">
              {t(`statement.kind.${entry.kind}`)}
              <span className={classes.when}>{showTime(entry.created_at, language)}</span>
              {entry.order_id !== null && <OfOrder id={entry.order_id} open={open} />}
            </th>
            <td data-sign={entry.amount.startsWith("-") ? "minus" : "plus"}>
              <Amount decimal={entry.amount} currency={currency} />
            </td>
            <td>
              <Amount decimal={entry.balance_after} currency={currency} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The order by the end of its number, which tells one from another; the beginning is the time. */
function OfOrder({ id, open }: { id: string; open: (order: string) => void }) {
  const { t } = useWords();
  return (
    <UnstyledButton className={classes.order} onClick={() => open(id)} aria-haspopup="dialog" data-entry-of={id}>
      {t("statement.order", { end: id.slice(-6) })}
    </UnstyledButton>
  );
}
