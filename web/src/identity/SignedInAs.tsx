// The shop has said that somebody else is signed in than this page was used as: who, and how to go on.
import { Button, Text, Title } from "@mantine/core";
import { useWords } from "../i18n/setup";
import classes from "../shop/Shop.module.css";

export interface SignedInAsProps {
  user: string;
  before: string;
  onGoOn: () => void;
}

export function SignedInAs({ user, before, onGoOn }: SignedInAsProps) {
  const { t } = useWords();
  return (
    <main className={`${classes.card ?? ""} ${classes.welcome ?? ""}`} role="alert">
      <Title order={1} size="h2">
        {t("identity.otherTitle", { user })}
      </Title>
      <Text mt="md" mb="md">
        {t("identity.other", { before })}
      </Text>
      <Button onClick={onGoOn}>{t("identity.goOn", { user })}</Button>
    </main>
  );
}
