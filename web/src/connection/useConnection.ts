// Watches the signs of the connection for as long as a component is on the screen.
import { useSyncExternalStore } from "react";
import { reachable } from "../api/call";
import { useSession } from "../shop/SessionContext";
import { useWatched } from "../watching/useWatched";
import { connectionOf, type Connection } from "./state";

function watchOnline(changed: () => void) {
  addEventListener("online", changed);
  addEventListener("offline", changed);
  return () => {
    removeEventListener("online", changed);
    removeEventListener("offline", changed);
  };
}

export function useConnection(): Connection {
  const { push } = useSession();
  const signs = {
    push: useWatched(push.status),
    failed: useWatched(push.failed),
    online: useSyncExternalStore(watchOnline, () => navigator.onLine),
    reachable: useWatched(reachable),
  };
  return connectionOf(signs);
}
