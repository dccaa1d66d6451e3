// The React side of a watched value.
import { useSyncExternalStore } from "react";
import type { Watched } from "./watched";

export function useWatched<T>(watched: Watched<T>): T {
  return useSyncExternalStore(watched.subscribe, watched.get);
}
