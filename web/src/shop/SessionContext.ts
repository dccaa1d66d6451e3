// Hands the session to the components below the shop.
import { createContext, use } from "react";
import type { Session } from "./session";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error("there is no session outside the shop");
  return session;
}
