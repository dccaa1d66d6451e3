// Who the page acts for, and how to be somebody else.
import { Button, Popover, Text } from "@mantine/core";
import { useState } from "react";
import { useWords } from "../i18n/setup";
import { Person } from "../shop/icons";
import classes from "../shop/Shop.module.css";
import { UserIdForm } from "./UserIdForm";

export interface WhoAmIProps {
  user: string;
  recent: readonly string[];
  onChosen: (user: string | null) => void;
}

export function WhoAmI({ user, recent, onChosen }: WhoAmIProps) {
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
          aria-label={t("identity.signedIn", { user })}
          onClick={() => setOpened((now) => !now)}
        >
          <span className={classes.whoName}>{user}</span>
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
