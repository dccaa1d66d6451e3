// The balance of the user's account, and opening one.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { NoValue, valueOf } from "../api/answer";
import { call } from "../api/call";
import { keys } from "../shop/queries";
import { useSession } from "../shop/SessionContext";

export function useBalance() {
  const { user, currency } = useSession();
  const query = useQuery({
    queryKey: keys.balance(user),
    queryFn: async ({ signal }) => {
      const balance = valueOf(await call("get", "/accounts/balance", { user, signal }));
      currency.set(balance.currency);
      return balance;
    },
  });
  const noAccount = query.error instanceof NoValue && query.error.code === "account_not_found";
  return { ...query, noAccount };
}

export function useOpenAccount() {
  const { user, confirmation } = useSession();
  const queries = useQueryClient();
  return useMutation({
    networkMode: "always",
    mutationFn: async () => {
      await confirmation.once();
      const answer = await call("post", "/accounts", { user });
      // It is there, which is all that was wanted: another tab, or the answer to the first try was lost.
      const there = answer.kind === "refused" && answer.problem?.code === "account_exists";
      if (!there) valueOf(answer);
    },
    onSuccess: () => Promise.all([keys.balance(user), keys.statement(user)].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
}
