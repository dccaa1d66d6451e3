// Who is signed in, under test: nothing is confirmed before the shop has said so, and an answer to an earlier question counts for nothing.
import { expect, test } from "vitest";
import { FakeClock, settled } from "../time/fakeClock";
import { Confirmation } from "./confirmation";

function open() {
  const clock = new FakeClock();
  const asked: ((confirmed: boolean) => void)[] = [];
  const confirmation = new Confirmation({ ask: () => new Promise((answer) => asked.push(answer)), clock, chance: () => 0.5 });
  const answer = async (which: number, confirmed: boolean) => {
    asked[which]?.(confirmed);
    await settled();
  };
  return { clock, asked, confirmation, answer };
}

test("nothing is confirmed until the shop has said so", async () => {
  const { asked, confirmation, answer } = open();
  expect(confirmation.confirmed.get()).toBe(false);
  confirmation.check();
  expect(asked).toHaveLength(1);
  expect(confirmation.confirmed.get()).toBe(false);
  await answer(0, true);
  expect(confirmation.confirmed.get()).toBe(true);
  confirmation.check();
  expect(confirmation.confirmed.get()).toBe(false);
});

test("no answer is asked for again, less and less often", async () => {
  const { clock, asked, confirmation, answer } = open();
  confirmation.check();
  await answer(0, false);
  expect(asked).toHaveLength(1);
  await clock.pass(375);
  expect(asked).toHaveLength(2);
  await answer(1, false);
  await clock.pass(749);
  expect(asked).toHaveLength(2);
  await clock.pass(1);
  await answer(2, true);
  expect(confirmation.confirmed.get()).toBe(true);
  expect(clock.waiting).toBe(0);
});

test("an answer to an earlier question confirms nothing", async () => {
  const { clock, asked, confirmation, answer } = open();
  confirmation.check();
  confirmation.check();
  await answer(0, true);
  expect(confirmation.confirmed.get()).toBe(false);
  await answer(0, false);
  await clock.pass(60_000);
  expect(asked).toHaveLength(2);
  await answer(1, true);
  expect(confirmation.confirmed.get()).toBe(true);
  confirmation.stop();
  expect(confirmation.confirmed.get()).toBe(false);
});

test("whoever waits for it goes on when it comes", async () => {
  const { confirmation, answer } = open();
  let went = false;
  confirmation.check();
  void confirmation.once().then(() => (went = true));
  await settled();
  expect(went).toBe(false);
  await answer(0, true);
  expect(went).toBe(true);
});
