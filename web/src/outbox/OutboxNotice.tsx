// What a form says about its request: refused, or still without an answer, and what can be done then.
import { Alert, Button, Group, Text } from "@mantine/core";
import { problemInWords } from "../i18n/problem";
import { useWords } from "../i18n/setup";
import type { Outbox } from "./outbox";
import type { FormOutbox } from "./useOutbox";

export interface OutboxNoticeProps<B, A> {
  outbox: Outbox<B, A>;
  of: FormOutbox<B>;
  /** What keeps trying means for this kind of request, and what giving up does. */
  waiting: string;
  abandoned: string;
}

export function OutboxNotice<B, A>({ outbox, of: { state, refused }, waiting, abandoned }: OutboxNoticeProps<B, A>) {
  const { t } = useWords();
  if (state.at === "waiting") {
    const why = { network: "", server: "", overloaded: t("outbox.overloaded"), another_tab: t("outbox.anotherTab"), unconfirmed: t("outbox.unconfirmed") }[state.why];
    return (
      <Alert color="yellow" title={t("outbox.waitingTitle")} role="status">
        <Text size="sm">
          {why} {waiting}
        </Text>
        <Group gap="xs" mt="sm">
          <Button size="compact-sm" variant="default" onClick={() => outbox.tryNow()}>
            {t("outbox.tryNow")}
          </Button>
          <Button size="compact-sm" variant="subtle" onClick={() => outbox.abandon()}>
            {t("outbox.abandon")}
          </Button>
        </Group>
      </Alert>
    );
  }
  if (state.at === "held") {
    return (
      <Alert color="yellow" title={t("outbox.heldTitle")} role="status">
        <Text size="sm">{t("outbox.held")}</Text>
        <Group gap="xs" mt="sm">
          <Button size="compact-sm" variant="default" onClick={() => outbox.release()}>
            {t("outbox.release")}
          </Button>
          <Button size="compact-sm" variant="subtle" onClick={() => outbox.abandon()}>
            {t("outbox.discard")}
          </Button>
        </Group>
      </Alert>
    );
  }
  if (refused) {
    return (
      <Alert color="red" role="alert">
        {problemInWords({ kind: "refused", ...refused }, t)}
      </Alert>
    );
  }
  if (state.at === "idle" && state.ended?.how === "abandoned") {
    return (
      <Alert color="yellow" role="status">
        {abandoned}
      </Alert>
    );
  }
  return null;
}
