// What stands in for a list or a number that is not there: empty, still loading, failed.
import { Alert, Button, Skeleton, Stack, Text } from "@mantine/core";
import { errorInWords } from "../i18n/problem";
import { useWords } from "../i18n/setup";
import classes from "./Shop.module.css";

export function Empty({ title, text }: { title: string; text?: string }) {
  return (
    <div className={classes.empty}>
      <Text fw={600}>{title}</Text>
      {text !== undefined && (
        <Text size="sm" c="dimmed" mt={4}>
          {text}
        </Text>
      )}
    </div>
  );
}

export function Loading({ rows }: { rows: number }) {
  return (
    <Stack gap={10} aria-busy="true">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={46} radius="md" />
      ))}
    </Stack>
  );
}

export function Failed({ title, error, retry }: { title: string; error: unknown; retry: () => void }) {
  const { t } = useWords();
  return (
    <Alert color="red" title={title} role="alert">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{errorInWords(error, t)}</Text>
        <Button size="compact-sm" variant="default" onClick={retry}>
          {t("problem.retry")}
        </Button>
      </Stack>
    </Alert>
  );
}
