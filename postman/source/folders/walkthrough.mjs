// The walk-through of the README, call by call, each order awaited to its end. The folders after it build on its user.
// Absent: whatever goes wrong.
import { call, folder } from "../request.mjs";
import { check, fresh, header, keep, says, untilFinal } from "../scripts.mjs";

const id = "pm.response.json().id";
const mine = 'user_id: pm.variables.get("userId")';
const paid = { status: "FINISHED", version: 2 };

const place = (name, amount, variable, asked = {}) => call("POST /orders", {
  name,
  answers: 201,
  body: { amount, description: name },
  like: { amount, description: name },
  then: [
    header("Location", `"/orders/" + ${id}`),
    says("it is NEW", `{ status: "NEW", reason: null, version: 1, amount: "${amount}", description: "${name}" }`),
    keep(variable, id),
  ],
  ...asked,
});

const awaited = (name, variable, end, asked = {}) => call("GET /orders/{id}", {
  name,
  about: "Repeats itself in a run, a bounded number of times, until the order is final.",
  at: { id: `{{${variable}}}` },
  like: end,
  then: untilFinal(end.reason ?? end.status, JSON.stringify({ reason: null, ...end })),
  ...asked,
});

const refused = (reason) => ({ status: "CANCELLED", reason, version: 2 });

const account = [
  call("POST /accounts", {
    name: "Create an account",
    about: "Takes a user that no earlier run has used, so that everything can be run again and again on the same shop.",
    before: [fresh("userId", "postman"), fresh("strangerId", "stranger")],
    answers: 201,
    then: [says("it is empty", `{ ${mine}, balance: "0.00" }`)],
  }),
  call("POST /accounts/topup", {
    name: "Top it up",
    body: { amount: "100.00" },
    then: [says("the money is on it", `{ ${mine}, balance: "100.00" }`)],
  }),
];

const stranger = { user: "{{strangerId}}" };

const orders = [
  place("An order that the account can pay", "50.00", "orderId"),
  awaited("Wait until it is paid", "orderId", paid),
  place("An order that is too dear", "500.00", "dearOrderId"),
  awaited("Wait until it is refused for want of funds", "dearOrderId", refused("insufficient_funds")),
  place("An order of a user without an account", "5.00", "strangersOrderId", stranger),
  awaited("Wait until it is refused for want of an account", "strangersOrderId", refused("account_not_found"), stranger),
];

const afterwards = [
  call("GET /orders", {
    name: "List the orders",
    like: { next_cursor: null },
    then: [check("newest first, and only one's own",
      'pm.expect(pm.response.json().orders.map(({ id }) => id)).to.eql([pm.variables.get("dearOrderId"), pm.variables.get("orderId")])')],
  }),
  call("GET /accounts/balance", {
    name: "See the balance",
    then: [says("only the paid order was paid", `{ ${mine}, balance: "50.00" }`)],
  }),
  call("GET /accounts/transactions", {
    name: "See the statement",
    then: [check("a debit, and the top-up before it",
      `{
  const entries = pm.response.json().transactions;
  pm.expect(entries.map(({ kind, amount, balance_after }) => [kind, amount, balance_after]))
    .to.eql([["debit", "-50.00", "50.00"], ["topup", "100.00", "100.00"]]);
  pm.expect(entries[0].order_id).to.equal(pm.variables.get("orderId"));
}`)],
  }),
];

export default folder("1 Walk-through", `
  The README's walk-through: an account, three orders, each to its end, and what is left.
  Run the whole collection in its order, or send these requests one by one.`,
  account, orders, afterwards);
