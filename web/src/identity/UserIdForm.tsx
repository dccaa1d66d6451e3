// Says who the page acts for: a new id, or one that was used here before.
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useWords } from "../i18n/setup";
import { userIdFault } from "./userId";

export interface UserIdFormProps {
  recent: readonly string[];
  onChosen: (user: string) => void;
}

export function UserIdForm({ recent, onChosen }: UserIdFormProps) {
  const { t } = useWords();
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { user: "" },
    validate: {
      user: (user) => {
        const fault = userIdFault(user.trim());
        return fault && t(`identity.faults.${fault}`);
      },
    },
  });
  return (
    <form noValidate onSubmit={form.onSubmit(({ user }) => onChosen(user.trim()), () => form.getInputNode("user")?.focus())}>
      <Stack gap="md">
        <TextInput
          {...form.getInputProps("user")}
          key={form.key("user")}
          label={t("identity.label")}
          placeholder={t("identity.placeholder")}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          data-autofocus
        />
        <Button type="submit">{t("identity.enter")}</Button>
        {recent.length > 0 && (
          <div>
            <Text size="sm" c="dimmed" mb={6}>
              {t("identity.recent")}
            </Text>
            <Group gap={6}>
              {recent.map((user) => (
                <Button key={user} size="compact-sm" variant="default" maw="100%" onClick={() => onChosen(user)}>
                  {user}
                </Button>
              ))}
            </Group>
          </div>
        )}
      </Stack>
    </form>
  );
}
