// Cancels an order that is not decided yet: a button, a question, and what became of it.
import { Alert, Button, Group, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useWords } from "../i18n/setup";
import { Failed } from "../shop/Placeholders";
import { cancelStanding, type CancelStanding } from "./cancelling";
import type { Order } from "./order";
import classes from "./Orders.module.css";
import { useCancel } from "./useCancel";

export function CancelOrder({ order }: { order: Order }) {
  const { mutate, isPending, error } = useCancel(order.id);
  const place = useRef<HTMLDivElement>(null);
  const cancel = () => {
    mutate();
    // The button that was pressed goes; what comes of it appears here.
    place.current?.focus();
  };
  return (
    <div ref={place} tabIndex={-1} className={classes.cancel}>
      <Standing standing={cancelStanding(order, { asking: isPending, error })} error={error} cancel={cancel} />
    </div>
  );
}

function Standing({ standing, error, cancel }: { standing: CancelStanding; error: unknown; cancel: () => void }) {
  const { t } = useWords();
  switch (standing) {
    case "none":
      return null;
    case "possible":
      return <Ask cancel={cancel} />;
    case "failed":
      return <Failed title={t("cancelling.failed")} error={error} retry={cancel} />;
    case "asking":
    case "asked":
    case "too_late":
      return (
        <Alert color="yellow" role="status">
          {t(`cancelling.${standing}`)}
        </Alert>
      );
  }
}

/** The button and, once it is pressed, the question; the focus goes along, so that a keyboard is never left with nothing. */
function Ask({ cancel }: { cancel: () => void }) {
  const { t } = useWords();
  const [sure, setSure] = useState<boolean | null>(null);
  const next = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (sure !== null) next.current?.focus();
  }, [sure]);
  if (sure === null || !sure) {
    return (
      <Button ref={next} variant="default" onClick={() => setSure(true)}>
        {t("cancelling.cancel")}
      </Button>
    );
  }
  return (
    <div role="group" aria-label={t("cancelling.question")}>
      <Text size="sm">{t("cancelling.question")}</Text>
      <Group gap="xs" mt="sm">
        <Button size="compact-sm" onClick={cancel}>
          {t("cancelling.yes")}
        </Button>
        <Button ref={next} size="compact-sm" variant="default" onClick={() => setSure(false)}>
          {t("cancelling.no")}
        </Button>
      </Group>
    </div>
  );
}
