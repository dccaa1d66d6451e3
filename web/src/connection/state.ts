// What the shopper is told about the connection, from what the machines know.
import type { PushStatus } from "../push/client";

export type Connection = "live" | "connecting" | "asking" | "offline";

export interface Signs {
  push: PushStatus;
  /** Push has failed since it last was live. */
  failed: boolean;
  /** The browser believes that there is a network. */
  online: boolean;
  /** The last call reached the shop. */
  reachable: boolean;
}

/** A live connection outweighs what a browser believes: a shop on this machine needs no network. */
export function connectionOf({ push, failed, online, reachable }: Signs): Connection {
  if (push === "live") return "live";
  if (!online || !reachable) return "offline";
  return failed || push === "refused" ? "asking" : "connecting";
}
