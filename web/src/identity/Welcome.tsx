// The first screen of a browser that nobody has used yet.
import { Text, Title } from "@mantine/core";
import { useWords } from "../i18n/setup";
import classes from "../shop/Shop.module.css";
import { UserIdForm, type UserIdFormProps } from "./UserIdForm";

export function Welcome(props: UserIdFormProps) {
  const { t } = useWords();
  return (
    <main className={`${classes.card ?? ""} ${classes.welcome ?? ""}`}>
      <Title order={1} size="h2">
        {t("identity.welcome")}
      </Title>
      <Text fw={600} mt="md">
        {t("identity.question")}
      </Text>
      <Text size="sm" c="dimmed" mb="md">
        {t("identity.explain")}
      </Text>
      <UserIdForm {...props} />
    </main>
  );
}
