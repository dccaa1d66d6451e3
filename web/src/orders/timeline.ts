// An order's way as the shop tells it: its steps, each with a word of the contract and a sentence of the shop's own.
// Absent: words of the page's; the languages have those.
import type { components } from "../api/orders";

export type Timeline = components["schemas"]["Timeline"];
export type TimelineEvent = components["schemas"]["TimelineEvent"];
export type What = TimelineEvent["what"];

// Every word of the contract, held complete by its type; a newer shop may have more steps than this page.
const KNOWN: Record<What, true> = {
  placed: true,
  payment_requested: true,
  request_published: true,
  cancel_requested: true,
  deadline: true,
  refunded: true,
  settled: true,
  pushed: true,
};

/** A step that there are words for. */
export function knownStep(what: string): What | "unknown" {
  return Object.hasOwn(KNOWN, what) ? (what as What) : "unknown";
}

/** Whether there is more to come. The broker's confirmation of a request may be recorded after the answer to it. */
export function goesOn({ waiting_for, events }: Pick<Timeline, "waiting_for" | "events">): boolean {
  return waiting_for !== null || events.every(({ what }) => what !== "request_published");
}

/** RFC 3339 in UTC, as the shop writes times into its sentences. */
const TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g;

/** The shop's sentence with its times as people read them. */
export function withTimes(sentence: string, show: (rfc3339: string) => string): string {
  return sentence.replace(TIME, (time) => show(time));
}
