// Who the page acts for, and how to be somebody else.
import { Button, Popover, Text } from "@mantine/core";
import { useState } from "react";
import { useWords } from "../i18n/setup";
import { Person } from "../shop/icons";
import classes from "../shop/Shop.module.css";
import { UserIdForm } from "./UserIdForm";

export interface WhoAmIProps {
  user: string;
  /** Whether the shop has said that this is who is signed in. */
  confirmed: boolean;
  recent: readonly string[];
  onChosen: (user: string | null) => void;
}

export function WhoAmI({ user, confirmed, recent, onChosen }: WhoAmIProps) {
  const { t } = useWords();
  const [opened, setOpened] = useState(false);
  const others = recent.filter((other) => other !== user);
  return (
    <Popover opened={opened} onChange={setOpened} trapFocus returnFocus position="bottom-end" width={300} shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          size="sm"
          px="sm"
          className={classes.who}
          leftSection={<Person />}
          aria-label={t(confirmed ? "identity.signedIn" : "identity.unconfirmedLabel", { user })}
          data-confirmed={confirmed}
          onClick={() => setOpened((now) => !now)}
        >
          <span className={classes.whoName}>{user}</span>
          {!confirmed && <span className={classes.whoUnconfirmed}>{t("identity.unconfirmed")}</span>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("identity.switchTitle")}>
        <Text fw={600} mb="xs">
          {t("identity.switchTitle")}
        </Text>
        <UserIdForm
          recent={others}
          onChosen={(chosen) => {
            setOpened(false);
            onChosen(chosen);
          }}
        />
        <Button variant="subtle" size="compact-sm" mt="md" onClick={() => onChosen(null)}>
          {t("identity.forget")}
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
