// Times as people read them, in the page's language and the reader's time zone.

/** A day and a time; the year only where it is not this one. */
export function showTime(rfc3339: string | number, language: string, now = new Date()): string {
  const at = new Date(rfc3339);
  return new Intl.DateTimeFormat(language, {
    day: "numeric",
    month: "short",
    ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(at);
}
