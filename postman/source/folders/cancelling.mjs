// Cancelling, and an order's way: a wish that races with the payment, wishes that come too late, and timelines.
// Absent: an order that is surely not decided yet. A healthy shop decides in milliseconds, so the race may go either way.
import { call, either, folder, refusal } from "../request.mjs";
import { check, fresh, keep, says, untilFinal } from "../scripts.mjs";

const canceller = { user: "{{cancellerId}}" };
const raced = { ...canceller, at: { id: "{{racedOrderId}}" } };
const order = { amount: "10.00", description: "Second thoughts" };

/** What holds after the race, by how it went; both are the texts of values. */
const byRace = (cancelled, paid) => `(pm.variables.get("race") === "cancelled" ? ${cancelled} : ${paid})`;

const events = "pm.response.json().events";
const steps = `${events}.map(({ what }) => what)`;
const told = [
  says("it waits for nothing", "{ waiting_for: null }"),
  check("in the order of time", `{
  const times = ${events}.map(({ at }) => Date.parse(at));
  pm.expect(times).to.eql([...times].sort((one, other) => one - other));
}`),
];

const race = [
  call("POST /accounts", {
    name: "Create an account for second thoughts",
    before: [fresh("cancellerId", "canceller")],
    ...canceller,
    answers: 201,
  }),
  call("POST /accounts/topup", { name: "Top it up for one order", ...canceller, body: { amount: "10.00" }, like: { balance: "10.00" } }),
  call("POST /orders", {
    name: "An order to be cancelled",
    ...canceller,
    answers: 201,
    body: order,
    like: order,
    then: [keep("racedOrderId", "pm.response.json().id")],
  }),
  either("POST /orders/{id}/cancel", { answers: 202, or: "order_already_final" }, {
    name: "Cancel it",
    about: `Races with the payment. Accepted, the order stays \`NEW\` until payments has decided, and becomes \`CANCELLED\` even if it was
      paid meanwhile: then the money comes back. Too late, it was paid, and stays so.`,
    ...raced,
    like: { ...order, version: 2, cancel_requested_at: "2026-11-21T11:46:00.000002Z" },
    then: [
      says("it is NEW, and the wish is recorded", '{ status: "NEW", reason: null, version: 2 }'),
      check("with its time", "pm.expect(pm.response.json().cancel_requested_at).to.be.a(\"string\")"),
    ],
    after: [keep("race", 'pm.response.code === 202 ? "cancelled" : "paid"')],
  }),
  call("GET /orders/{id}", {
    name: "Wait until it is decided",
    about: "Repeats itself in a run, a bounded number of times, until the order is final.",
    ...raced,
    like: { ...order, status: "CANCELLED", reason: "cancelled_by_user", version: 3 },
    then: untilFinal("what the race decided", byRace(
      '{ status: "CANCELLED", reason: "cancelled_by_user", version: 3 }',
      '{ status: "FINISHED", reason: null, version: 2 }',
    )),
  }),
  refusal("POST /orders/{id}/cancel", "order_already_final", { name: "Cancel it once more", about: "Final is final.", ...raced, body: {} }),
  call("GET /accounts/balance", {
    name: "A cancelled order costs nothing",
    ...canceller,
    like: { balance: "10.00" },
    then: [says("only a paid order was paid", `{ balance: ${byRace('"10.00"', '"0.00"')} }`)],
  }),
  call("GET /accounts/transactions", {
    name: "What was taken was given back",
    ...canceller,
    then: [check("a debit of a cancelled order has its refund",
      `pm.expect(${byRace('["topup", "refund,debit,topup"]', '["debit,topup"]')})
  .to.include(pm.response.json().transactions.map(({ kind }) => kind).join())`)],
  }),
  call("GET /orders/{id}/timeline", {
    name: "See its way",
    ...raced,
    then: [...told, check("the wish is told if it was in time", `pm.expect(${steps}).to.include.members(${byRace(
      '["placed", "cancel_requested", "settled"]',
      '["placed", "settled"]',
    )})`)],
  }),
];

const finals = [
  call("GET /orders/{id}/timeline", {
    name: "See the way of a paid order",
    at: { id: "{{orderId}}" },
    like: { waiting_for: null },
    then: [...told, check("every step is told",
      `pm.expect(${steps}).to.eql(["placed", "payment_requested", "request_published", "settled", "pushed"])`)],
  }),
  refusal("POST /orders/{id}/cancel", "order_already_final", { name: "Cancel a paid order", at: { id: "{{orderId}}" } }),
  refusal("POST /orders/{id}/cancel", "order_already_final", { name: "Cancel a refused order", at: { id: "{{dearOrderId}}" } }),
  call("GET /orders/{id}", {
    name: "See that the paid order is still paid",
    at: { id: "{{orderId}}" },
    like: { status: "FINISHED", version: 2 },
    then: [says("nothing has changed", '{ status: "FINISHED", reason: null, version: 2, cancel_requested_at: null }')],
  }),
];

const notFound = [["POST /orders/{id}/cancel", "Cancel"], ["GET /orders/{id}/timeline", "See the way of"]].flatMap(([operation, what]) => [
  refusal(operation, "order_not_found", {
    name: `${what} a stranger's order`,
    about: "Answered exactly like one that does not exist.",
    at: { id: "{{strangersOrderId}}" },
  }),
  refusal(operation, "order_not_found", { name: `${what} an order that does not exist`, at: { id: "00000000-0000-4000-8000-000000000000" } }),
  refusal(operation, "invalid_order_id", { name: `${what} what is no order`, at: { id: "17" } }),
]);

export default folder("4 Cancelling, and an order's way", `
  A wish to cancel is recorded at once and decided by payments; asked for again while it is pending, it is answered the same.
  \`GET /orders/{id}/timeline\` tells an order's steps, and what it waits for while it is \`NEW\`.`,
  race, finals, notFound);
