// The one screen of the shop for one user: who, account, new order, my orders, statement.
import { AccountCard } from "../account/AccountCard";
import { ConnectionBadge, OfflineNotice } from "../connection/ConnectionBadge";
import { LanguageSwitch } from "../i18n/LanguageSwitch";
import { useWords } from "../i18n/setup";
import { WhoAmI, type WhoAmIProps } from "../identity/WhoAmI";
import { OrderList } from "../orders/OrderList";
import { PlaceOrder } from "../placing/PlaceOrder";
import { SchemeSwitch } from "../scheme/SchemeSwitch";
import { Statement } from "../statement/Statement";
import type { Desktop } from "../telling/desktop";
import { NotifyMe } from "../telling/NotifyMe";
import { SessionContext } from "./SessionContext";
import classes from "./Shop.module.css";
import { useSessionOf } from "./useSessionOf";
import { useWatched } from "../watching/useWatched";

export interface ShopProps extends Omit<WhoAmIProps, "confirmed"> {
  desktop: Desktop;
  /** What is kept waits for a click. */
  hold: boolean;
}

export function Shop({ desktop, hold, ...who }: ShopProps) {
  const { t } = useWords();
  const session = useSessionOf(who.user, hold, desktop);
  const confirmed = useWatched(session.confirmation.confirmed);
  return (
    <SessionContext value={session}>
      <div className={classes.page}>
        <a className={classes.skip} href="#orders">
          {t("shop.skip")}
        </a>
        <header className={classes.header}>
          <Brand />
          <ConnectionBadge />
          <span className={classes.push} />
          <WhoAmI {...who} confirmed={confirmed} />
          <LanguageSwitch />
          <SchemeSwitch />
        </header>
        <main>
          <OfflineNotice />
          <div className={classes.columns}>
            <div className={classes.column}>
              <AccountCard />
              <PlaceOrder />
            </div>
            <div className={classes.column}>
              <OrderList beside={<NotifyMe desktop={desktop} />} />
              <Statement />
            </div>
          </div>
        </main>
      </div>
    </SessionContext>
  );
}

export function Brand() {
  return (
    <h1 className={classes.brand}>
      <img src="/favicon.svg" width="28" height="28" alt="" />
      Gozon
    </h1>
  );
}
