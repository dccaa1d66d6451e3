// Asks the shop to cancel an order. It may be asked any number of times, so it needs no outbox and no key.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { NoValue, valueOf } from "../api/answer";
import { call } from "../api/call";
import { keys } from "../shop/queries";
import { useSession } from "../shop/SessionContext";

export function useCancel(id: string) {
  const { user, confirmation, known } = useSession();
  const queries = useQueryClient();
  return useMutation({
    networkMode: "always",
    mutationFn: async () => {
      await confirmation.once();
      return valueOf(await call("post", "/orders/{id}/cancel", { user, id }));
    },
    onSuccess: (order) => {
      queries.setQueryData(keys.order(user, id), order);
      known.hear(order, "list");
    },
    // Refused: this page is behind, and the order itself says what it has become.
    onError: (error) => (error instanceof NoValue && error.code !== null ? queries.invalidateQueries({ queryKey: keys.order(user, id) }) : undefined),
  });
}
