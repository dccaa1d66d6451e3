// The connection in one word and one dot, and spoken when it changes.
import { Alert } from "@mantine/core";
import { useWords } from "../i18n/setup";
import classes from "./Connection.module.css";
import { useConnection } from "./useConnection";

export function ConnectionBadge() {
  const { t } = useWords();
  const connection = useConnection();
  return (
    <span className={classes.badge} data-connection={connection} role="status">
      <span className={classes.dot} aria-hidden="true" />
      {t(`connection.${connection}`)}
    </span>
  );
}

export function OfflineNotice() {
  const { t } = useWords();
  if (useConnection() !== "offline") return null;
  return (
    <Alert color="yellow" title={t("connection.offlineTitle")} mb="md" role="status">
      {t("connection.offlineText")}
    </Alert>
  );
}
