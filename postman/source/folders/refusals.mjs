// All other refusals: what does not exist, is there already, is asked for wrongly, or does not fit.
// Absent: 500 and 503; a collection can neither find a defect nor cause an outage.
import { operations } from "../openapi.mjs";
import { call, folder, refusal, undocumentedRefusal } from "../request.mjs";
import { header, says } from "../scripts.mjs";

const LARGEST = "1000000000000.00";

const orders = [
  refusal("GET /orders/{id}", "order_not_found", { name: "See an order that does not exist", at: { id: "00000000-0000-4000-8000-000000000000" } }),
  refusal("GET /orders/{id}", "order_not_found", {
    name: "See a stranger's order",
    about: "Answered exactly like one that does not exist.",
    at: { id: "{{strangersOrderId}}" },
  }),
  refusal("GET /orders/{id}", "invalid_order_id", { name: "See what is no order", at: { id: "17" } }),
  refusal("GET /orders", "invalid_status", { name: "List orders of a status that does not exist", query: { status: "PAID" } }),
];

const lists = ["GET /orders", "GET /accounts/transactions"].flatMap((operation) => [
  ...["0", "101", "many"].map((limit) => refusal(operation, "invalid_limit", { name: `${operation} with limit ${limit}`, query: { limit } })),
  refusal(operation, "invalid_cursor", { name: `${operation} with a cursor that never was`, query: { cursor: "nonsense" } }),
]);

const stranger = { user: "{{strangerId}}" };
const accounts = [
  refusal("POST /accounts", "account_exists", { name: "Create a second account" }),
  refusal("GET /accounts/balance", "account_not_found", { name: "See the balance of no account", ...stranger }),
  refusal("GET /accounts/transactions", "account_not_found", { name: "See the statement of no account", ...stranger }),
  refusal("POST /accounts/topup", "account_not_found", { name: "Top up no account", ...stranger, body: { amount: "1.00" } }),
  refusal("POST /accounts/topup", "balance_limit_exceeded", {
    name: "Top up more than fits",
    body: { amount: LARGEST },
    fields: { amount: "The balance would exceed the largest amount." },
  }),
  call("GET /accounts/balance", {
    name: "No refusal has changed the balance",
    like: { balance: "59.00" },
    then: [says("it is what it was", '{ balance: "59.00" }')],
  }),
];

/** The methods that a path has, as `Allow` says them. */
const allowed = (path) => [...operations.keys()].map((name) => name.split(" ")).filter(([, own]) => own === path).map(([method]) => method);

const methods = [...new Set([...operations.keys()].map((name) => name.split(" ")[1]))].map((path) =>
  undocumentedRefusal(`DELETE ${path}`, "method_not_allowed", 405, "The method is not allowed here", {
    name: `DELETE ${path}`,
    at: { id: "{{orderId}}" },
    then: [header("Allow", JSON.stringify(allowed(path).join(", ")))],
  }));

const routes = ["/orders/{id}/nothing", "/accounts/nothing"].map((path) =>
  undocumentedRefusal(`GET ${path}`, "not_found", 404, "There is nothing here", { name: `No such route: GET ${path}`, at: { id: "{{orderId}}" } }));

export default folder("8 Refusals: what is asked for", `
  Every error is \`application/problem+json\` (RFC 9457). \`code\` is the stable part: decide by it.`,
  folder("Orders", "", orders), folder("Lists", "", lists), folder("Accounts", "", accounts), folder("Routes", "", methods, routes));
