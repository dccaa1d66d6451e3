// The user's orders page by page, drawn with the newest that is known of each.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { valueOf } from "../api/answer";
import { call } from "../api/call";
import { keys } from "../shop/queries";
import { useSession } from "../shop/SessionContext";
import { useWatched } from "../watching/useWatched";
import type { Order, Status } from "./order";

const PAGE = 20;
/** Without push, orders placed elsewhere are found by looking now and then. */
const LOOK_EVERY = 15_000;

export function useOrders(status: Status | null) {
  const { user, known, push, currency } = useSession();
  // Drawn again with each thing that is learned; the lists themselves are fetched far less often.
  useWatched(known.edition);
  const live = useWatched(push.status) === "live";
  const query = useInfiniteQuery({
    queryKey: status ? keys.orders(user, status) : keys.allOrders(user),
    queryFn: async ({ pageParam, signal }) => {
      const filter = { limit: PAGE, ...(status && { status }), ...(pageParam !== null && { cursor: pageParam }) };
      const page = valueOf(await call("get", "/orders", { user, query: filter, signal }));
      for (const order of page.orders) known.hear(order, "list");
      if (page.orders[0]) currency.set(page.orders[0].currency);
      return page;
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    refetchInterval: live ? false : LOOK_EVERY,
  });
  const listed = new Map<string, Order>();
  for (const page of query.data?.pages ?? []) {
    for (const order of page.orders) listed.set(order.id, known.newest(order));
  }
  // An order that has moved on is no longer of the kind that was asked for.
  const orders = [...listed.values()].filter((order) => status === null || order.status === status);
  return { ...query, orders };
}

export function useOrder(id: string) {
  const { user, known } = useSession();
  useWatched(known.edition);
  const query = useQuery({
    queryKey: keys.order(user, id),
    queryFn: async ({ signal }) => {
      const order = valueOf(await call("get", "/orders/{id}", { user, id, signal }));
      known.hear(order, "list");
      return order;
    },
  });
  return { ...query, order: query.data && known.newest(query.data) };
}
