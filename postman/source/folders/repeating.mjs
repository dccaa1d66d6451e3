// Repeated requests: one Idempotency-Key makes one order and one top-up, whatever is sent how often.
// Absent: copies that arrive at once; a collection asks one thing after the other.
import { call, folder, refusal } from "../request.mjs";
import { check, fresh, header, keep, noHeader, says, untilFinal } from "../scripts.mjs";

const key = { "Idempotency-Key": "{{key}}" };
const order = { amount: "1.00", description: "Placed once" };
const topUp = { amount: "10.00" };
const again = "It asks for the same, so it gets the first answer again, and Idempotency-Replayed says so.";
const theFirst = (variable) => [
  header("Idempotency-Replayed", '"true"'),
  check("it is the first answer", `pm.expect(pm.response.text()).to.equal(pm.variables.get("${variable}"))`),
];

const orders = [
  call("POST /orders", {
    name: "Place an order with a key",
    before: [fresh("key", "key")],
    answers: 201,
    headers: key,
    body: order,
    like: order,
    then: [noHeader("Idempotency-Replayed"), keep("keyedOrder", "pm.response.text()"), keep("keyedOrderId", "pm.response.json().id")],
  }),
  call("POST /orders", { name: "Repeat it", about: again, answers: 201, headers: key, body: order, like: order, then: theFirst("keyedOrder") }),
  refusal("POST /orders", "idempotency_key_reused", { name: "The key with another amount", headers: key, body: { ...order, amount: "2.00" } }),
  refusal("POST /orders", "idempotency_key_reused", { name: "The key with another description", headers: key, body: { amount: "1.00" } }),
  call("GET /orders/{id}", {
    name: "Wait until the order with the key is paid",
    at: { id: "{{keyedOrderId}}" },
    like: { ...order, status: "FINISHED", version: 2 },
    then: untilFinal("FINISHED", '{ status: "FINISHED", reason: null, version: 2 }'),
  }),
  call("POST /orders", {
    name: "Repeat it after it was paid",
    about: `${again} The order is shown as it was when it was placed.`,
    answers: 201,
    headers: key,
    body: order,
    like: order,
    then: theFirst("keyedOrder"),
  }),
  call("GET /orders", {
    name: "One order came of it",
    like: { next_cursor: null },
    then: [check("there is one of it", 'pm.expect(pm.response.json().orders.filter(({ description }) => description === "Placed once")).to.have.lengthOf(1)')],
  }),
  call("POST /orders", {
    name: "The same key of another user",
    about: "A key belongs to its user: this is another order.",
    user: "{{strangerId}}",
    answers: 201,
    headers: key,
    body: order,
    like: order,
    then: [noHeader("Idempotency-Replayed"), check("it is another order", 'pm.expect(pm.response.json().id).to.not.equal(pm.variables.get("keyedOrderId"))')],
  }),
];

const accounts = [
  call("POST /accounts/topup", {
    name: "Top up with the same key",
    about: "A key belongs to its call as well: this is a first top-up.",
    headers: key,
    body: topUp,
    like: { balance: "59.00" },
    then: [noHeader("Idempotency-Replayed"), says("it is on the account", '{ balance: "59.00" }'), keep("keyedTopUp", "pm.response.text()")],
  }),
  call("POST /accounts/topup", { name: "Repeat the top-up", about: again, headers: key, body: topUp, like: { balance: "59.00" }, then: theFirst("keyedTopUp") }),
  refusal("POST /accounts/topup", "idempotency_key_reused", { name: "The top-up's key with another amount", headers: key, body: { amount: "11.00" } }),
  call("GET /accounts/balance", { name: "One top-up came of it", like: { balance: "59.00" }, then: [says("it was added once", '{ balance: "59.00" }')] }),
];

export default folder("2 Repeated requests", `
  Whoever got no answer asks again with the same \`Idempotency-Key\`: 1 to 255 visible ASCII characters, one for each intention.
  The same request gets the first answer again, with \`Idempotency-Replayed: true\`; another body under the same key is refused.`,
  orders, accounts);
