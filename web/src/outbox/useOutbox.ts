// An outbox as a form sees it: whether it may send, what is pending, and how the last one ended.
import { useEffect, useRef } from "react";
import { useWatched } from "../watching/useWatched";
import type { Ended, Outbox, OutboxState, Pending } from "./outbox";

/** The second half of a double click comes this soon after the first; the form may be empty again by then. */
const DOUBLE_CLICK = 700;

export interface FormOutbox<B> {
  state: OutboxState<B>;
  pending: Pending<B> | null;
  refused: (Ended & { how: "refused" }) | null;
  /** Runs the submit unless it is an echo of the one before. */
  unlessEcho(submit: () => void): void;
}

/** `onEnded` is where a form empties itself or marks its fields. */
export function useOutbox<B, A>(outbox: Outbox<B, A>, onEnded: (ended: Ended) => void): FormOutbox<B> {
  const state = useWatched(outbox.state);
  const lastSubmit = useRef(-DOUBLE_CLICK);
  const ended = state.at === "idle" ? state.ended : null;
  const latest = useRef(onEnded);
  useEffect(() => {
    latest.current = onEnded;
  });
  useEffect(() => {
    if (ended) latest.current(ended);
  }, [ended]);
  return {
    state,
    pending: state.at === "idle" ? null : state.pending,
    refused: ended?.how === "refused" ? ended : null,
    unlessEcho(submit) {
      const now = performance.now();
      if (now - lastSubmit.current < DOUBLE_CLICK) return;
      lastSubmit.current = now;
      submit();
    },
  };
}
