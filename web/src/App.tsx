// What is around the shop: the theme, the query cache, the toasts, and who the page acts for.
import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { signedIn } from "./api/call";
import { LanguageSwitch } from "./i18n/LanguageSwitch";
import { rememberedUser, recentUsers, rememberUser } from "./identity/userId";
import { SignedInAs } from "./identity/SignedInAs";
import { Welcome } from "./identity/Welcome";
import { forGood } from "./remembering/store";
import { SchemeSwitch } from "./scheme/SchemeSwitch";
import { Broken } from "./shop/Broken";
import { newQueries } from "./shop/queries";
import { Brand, Shop } from "./shop/Shop";
import classes from "./shop/Shop.module.css";
import { Desktop } from "./telling/desktop";
import { useWatched } from "./watching/useWatched";

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
  const queries = useQueryClient();
  const [visit, setVisit] = useState(() => ({ user: rememberedUser(forGood), hold: false }));
  const other = useWatched(signedIn);
  const begin = (user: string | null, hold: boolean) => {
    rememberUser(forGood, user);
    signedIn.set(null);
    // What was read for one user is never shown to another.
    queries.clear();
    setVisit({ user, hold });
  };
  const choose = (chosen: string | null) => begin(chosen, false);
  const recent = recentUsers(forGood);
  const { user, hold } = visit;
  const stranger = other !== null && user !== null && other !== user;
  if (user !== null && !stranger) {
    return <Shop key={user} user={user} hold={hold} recent={recent} onChosen={choose} desktop={desktop} />;
  }
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <Brand />
        <span className={classes.pushHere} />
        <LanguageSwitch />
        <SchemeSwitch />
      </header>
      {stranger ? (
        <SignedInAs user={other} before={user} onGoOn={() => begin(other, true)} />
      ) : (
        <Welcome recent={recent} onChosen={choose} />
      )}
    </div>
  );
}
