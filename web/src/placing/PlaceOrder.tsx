// Places an order, once for each intention, whatever happens to the answer.
import { Button, Stack, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useWords } from "../i18n/setup";
import { AmountInput } from "../money/Amount";
import { amountFaultInWords } from "../money/faultInWords";
import { OutboxNotice } from "../outbox/OutboxNotice";
import { useOutbox } from "../outbox/useOutbox";
import { Card } from "../shop/Card";
import { useSession } from "../shop/SessionContext";
import { useWatched } from "../watching/useWatched";
import { bodyOf, draftFaults, type Draft } from "./draft";

const NOTHING: Draft = { amount: "", description: "" };

export function PlaceOrder() {
  const { t } = useWords();
  const { orders } = useSession();
  const form = useDraft();
  const outbox = useOutbox(orders, ({ how }) => {
    if (how !== "done" && how !== "elsewhere") return;
    form.setValues(NOTHING);
    form.clearErrors();
  });
  const send = (draft: Draft) => {
    const body = bodyOf(draft);
    if (body) orders.submit(body);
  };
  const submit = form.onSubmit(send, (faults) => {
    form.getInputNode(faults.amount ? "amount" : "description")?.focus();
  });
  const locked = outbox.pending !== null;
  return (
    <Card title={t("placing.title")}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          outbox.unlessEcho(() => submit(event));
        }}
      >
        <Stack gap="sm">
          <AmountInput {...form.getInputProps("amount")} label={t("amount.label")} readOnly={locked} />
          <Textarea
            {...form.getInputProps("description")}
            label={t("placing.description")}
            placeholder={t("placing.descriptionPlaceholder")}
            rows={2}
            readOnly={locked}
          />
          <OutboxNotice outbox={orders} of={outbox} waiting={t("outbox.waitingOrder")} abandoned={t("outbox.abandonedOrder")} />
          <Button type="submit" size="md" aria-disabled={locked}>
            {outbox.state.at === "sending" ? t("outbox.sending") : t("placing.submit")}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}

/** The form's fields and rules; after a reload it holds what is still on its way. */
function useDraft() {
  const { t, language } = useWords();
  const { orders, currency: shopCurrency } = useSession();
  const currency = useWatched(shopCurrency);
  const state = orders.state.get();
  return useForm<Draft>({
    initialValues: state.at === "idle" ? NOTHING : { ...NOTHING, ...state.pending.body },
    validate: (draft) => {
      const { amount, description } = draftFaults(draft);
      return {
        amount: amount && amountFaultInWords(amount, t, currency, language),
        description: description && t("placing.descriptionTooLong", { count: description }),
      };
    },
  });
}
