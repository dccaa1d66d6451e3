// What is around the shop: the theme, the query cache, the toasts, and who the page acts for.
import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { LanguageSwitch } from "./i18n/LanguageSwitch";
import { rememberedUser, recentUsers, rememberUser } from "./identity/userId";
import { Welcome } from "./identity/Welcome";
import { forGood } from "./remembering/store";
import { SchemeSwitch } from "./scheme/SchemeSwitch";
import { Broken } from "./shop/Broken";
import { newQueries } from "./shop/queries";
import { Brand, Shop } from "./shop/Shop";
import classes from "./shop/Shop.module.css";
import { Desktop } from "./telling/desktop";

const desktop = new Desktop(forGood);
const theme = createTheme({ primaryColor: "indigo", respectReducedMotion: true });

export function App() {
  const [queries] = useState(newQueries);
  return (
    // Variables and classes are in static files (theme.css, mantine.css): the page's policy allows no style elements.
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" limit={4} />
        <Broken>
          <Visit />
        </Broken>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Visit() {
  const [user, setUser] = useState(() => rememberedUser(forGood));
  const choose = (chosen: string | null) => {
    rememberUser(forGood, chosen);
    setUser(chosen);
  };
  const recent = recentUsers(forGood);
  if (user !== null) return <Shop key={user} user={user} recent={recent} onChosen={choose} desktop={desktop} />;
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <Brand />
        <span className={classes.pushHere} />
        <LanguageSwitch />
        <SchemeSwitch />
      </header>
      <Welcome recent={recent} onChosen={choose} />
    </div>
  );
}
