// The account: open one, see what is on it, put more on it.
import { Alert, Button, Stack, Text } from "@mantine/core";
import { errorInWords } from "../i18n/problem";
import { useWords } from "../i18n/setup";
import { Amount } from "../money/Amount";
import { Card } from "../shop/Card";
import { Failed, Loading } from "../shop/Placeholders";
import classes from "./Account.module.css";
import { TopUpForm } from "./TopUpForm";
import { useBalance, useOpenAccount } from "./useAccount";

export function AccountCard() {
  const { t } = useWords();
  return (
    <Card title={t("account.title")}>
      <Account />
    </Card>
  );
}

function Account() {
  const { t } = useWords();
  const { data, error, noAccount, isPending, refetch } = useBalance();
  if (noAccount) return <OpenAccount />;
  if (data) {
    return (
      <Stack gap="md">
        <div>
          <Text size="sm" c="dimmed">
            {t("account.balance")}
          </Text>
          <p className={classes.balance} aria-live="polite" data-testid="balance">
            <Amount decimal={data.balance} currency={data.currency} />
          </p>
        </div>
        <TopUpForm />
      </Stack>
    );
  }
  if (isPending) return <Loading rows={2} />;
  return <Failed title={t("account.failed")} error={error} retry={() => void refetch()} />;
}

function OpenAccount() {
  const { t } = useWords();
  const { mutate, isPending, error } = useOpenAccount();
  return (
    <Stack gap="sm">
      <div>
        <Text fw={600}>{t("account.none")}</Text>
        <Text size="sm" c="dimmed">
          {t("account.noneText")}
        </Text>
      </div>
      {error && (
        <Alert color="red" role="alert">
          {errorInWords(error, t)}
        </Alert>
      )}
      <Button aria-disabled={isPending} onClick={() => !isPending && mutate()}>
        {isPending ? t("account.creating") : t("account.create")}
      </Button>
    </Stack>
  );
}
