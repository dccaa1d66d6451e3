// Puts money on the account, once for each intention, whatever happens to the answer.
import { Button } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useWords } from "../i18n/setup";
import { AmountInput } from "../money/Amount";
import { amountFaultInWords } from "../money/faultInWords";
import { writeMoney } from "../money/money";
import { readTyped } from "../money/typed";
import { OutboxNotice } from "../outbox/OutboxNotice";
import { useOutbox } from "../outbox/useOutbox";
import { useSession } from "../shop/SessionContext";
import { useWatched } from "../watching/useWatched";
import classes from "./Account.module.css";

export function TopUpForm() {
  const { t, language } = useWords();
  const { topUps, currency: shopCurrency } = useSession();
  const currency = useWatched(shopCurrency);
  const form = useForm({
    initialValues: { amount: pendingAmount(topUps.state.get()) },
    validate: {
      amount: (amount) => {
        const typed = readTyped(amount);
        return typed.ok ? null : amountFaultInWords(typed.fault, t, currency, language);
      },
    },
  });
  const outbox = useOutbox(topUps, ({ how }) => {
    if (how === "done" || how === "elsewhere") form.reset();
  });
  const send = ({ amount }: { amount: string }) => {
    const typed = readTyped(amount);
    if (typed.ok) topUps.submit({ amount: writeMoney(typed.money) });
  };
  const submit = form.onSubmit(send, () => form.getInputNode("amount")?.focus());
  return (
    <form
      className={classes.topUp}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        outbox.unlessEcho(() => submit(event));
      }}
    >
      <div className={classes.topUpLine}>
        <AmountInput {...form.getInputProps("amount")} label={t("account.topUpAmount")} readOnly={outbox.pending !== null} />
        <Button type="submit" variant="light" className={classes.topUpButton} aria-disabled={outbox.pending !== null}>
          {outbox.state.at === "sending" ? t("outbox.sending") : t("account.topUp")}
        </Button>
      </div>
      <OutboxNotice outbox={topUps} of={outbox} waiting={t("outbox.waitingTopUp")} abandoned={t("outbox.abandonedTopUp")} />
    </form>
  );
}

/** A form that comes back after a reload shows what is on its way, not what the initial values say. */
function pendingAmount(state: ReturnType<ReturnType<typeof useSession>["topUps"]["state"]["get"]>): string {
  return state.at === "idle" ? "" : state.pending.body.amount;
}
