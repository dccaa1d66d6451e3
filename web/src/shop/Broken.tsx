// What is left when drawing the page fails: words and a reload, instead of nothing. What is in the outbox is kept.
import { Button, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { i18n } from "../i18n/setup";
import classes from "./Shop.module.css";

export class Broken extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <main className={`${classes.card ?? ""} ${classes.welcome ?? ""}`} role="alert">
        <Text fw={600} mb="md">
          {i18n.t("shop.broken")}
        </Text>
        <Button onClick={() => location.reload()}>{i18n.t("shop.reload")}</Button>
      </main>
    );
  }
}
