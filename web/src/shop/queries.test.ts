// Refreshing under test: what was read before a change is read again after it, the very first reading included.
import { QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { keys, newQueries, Refreshing } from "./queries";

/** A balance whose answers come when the test says so. */
function balance() {
  const queries = newQueries();
  const answers: ((balance: string) => void)[] = [];
  const observer = new QueryObserver(queries, {
    queryKey: keys.balance("1"),
    queryFn: () => new Promise<string>((answer) => answers.push(answer)),
  });
  const shown = () => observer.getCurrentResult().data;
  return { answers, shown, refreshing: new Refreshing(queries, "1"), stop: observer.subscribe(() => undefined) };
}

test("a change during the first reading is read after it", async () => {
  const { answers, shown, refreshing, stop } = balance();
  await expect.poll(() => answers.length).toBe(1);
  refreshing.now();
  answers[0]?.("before the change");
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.("after the change");
  await expect.poll(shown).toBe("after the change");
  stop();
});

test("a change during a later reading begins it anew", async () => {
  const { answers, shown, refreshing, stop } = balance();
  await expect.poll(() => answers.length).toBe(1);
  answers[0]?.("at first");
  await expect.poll(shown).toBe("at first");
  refreshing.now();
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.("after the change");
  await expect.poll(shown).toBe("after the change");
  expect(answers).toHaveLength(2);
  stop();
});
