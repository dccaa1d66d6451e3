// Refusals for what is sent: bodies that cannot be read, amounts and descriptions that cannot be, on each call that takes them.
// Absent: what is found out only later, such as a balance that would be too large (refusals).
import { folder, refusal } from "../request.mjs";

const NOT_DECIMAL = 'must be a decimal number such as "50.00"';
const TOO_FINE = "must have at most two decimals";
const TOO_SMALL = "must be greater than 0";
const TOO_LARGE = "must be at most 1000000000000.00";
const NO_AMOUNT = "must be a string or a number";

/** What is sent as the amount, as JSON, and the rule that it breaks. */
const AMOUNTS = [
  ['"0.001"', TOO_FINE], ["0.001", TOO_FINE], ["0", TOO_SMALL], ['"0.00"', TOO_SMALL], ["-500", TOO_SMALL],
  ["1000000000000.01", TOO_LARGE], ["1e16", NOT_DECIMAL], ['"abc"', NOT_DECIMAL], ['""', NOT_DECIMAL],
  ["null", NO_AMOUNT], ["true", NO_AMOUNT], ["[50]", NO_AMOUNT],
];

/** Over 16 KiB; made when it is sent, so that nobody has to scroll past it. */
const large = { before: ['pm.variables.set("large", "x".repeat(17 * 1024));'], body: '{"description": "{{large}}"}' };

/** Bodies that no call can read. */
const unreadable = (operation, asked = {}) => [
  refusal(operation, "malformed_json", { ...asked, name: `${operation}: no JSON`, body: '{"amount": ' }),
  refusal(operation, "malformed_json", { ...asked, name: `${operation}: no object`, body: "[]" }),
  refusal(operation, "malformed_json", { ...asked, name: `${operation}: a field twice`, body: '{"amount": "1.00", "amount": "2.00"}' }),
  refusal(operation, "unsupported_media_type", { ...asked, name: `${operation}: not said to be JSON`, body: '{"amount": "1.00"}', type: "text/plain" }),
  refusal(operation, "payload_too_large", { ...asked, name: `${operation}: too large`, ...large }),
  refusal(operation, "unknown_field", {
    ...asked,
    name: `${operation}: an unknown field`,
    body: { amout: "1.00" },
    fields: { amout: "is not known here" },
  }),
];

const amounts = (operation) => [
  ...AMOUNTS.map(([amount, rule]) =>
    refusal(operation, "invalid_amount", { name: `${operation}: amount ${amount}`, body: `{"amount": ${amount}}`, fields: { amount: rule } })),
  refusal(operation, "invalid_amount", { name: `${operation}: no amount`, body: {}, fields: { amount: "is required" } }),
];

const description = (what, description, rule) => refusal("POST /orders", "invalid_description", {
  name: `POST /orders: a description ${what}`,
  body: { amount: "1.00", description },
  fields: { description: rule },
});

const keys = (operation) => Object.entries({ "an empty key": "", "a key of 256 characters": "k".repeat(256), "two keys": ["one", "two"] })
  .map(([what, key]) => refusal(operation, "invalid_idempotency_key", {
    name: `${operation}: ${what}`,
    headers: { "Idempotency-Key": key },
    body: { amount: "1.00" },
  }));

export default folder("7 Refusals: what is sent", `
  A body is one flat JSON object of at most 16 KiB, and an unknown field is refused, so that a typo cannot go unnoticed.
  An amount is a string or a number with at most two decimals, greater than 0 and at most 1000000000000.00. \`errors\` names the field and the rule.`,
  folder("POST /orders", "", unreadable("POST /orders"), amounts("POST /orders"), keys("POST /orders"),
    description("that is no text", 17, "must be a string"),
    description("of 513 characters", "d".repeat(513), "must be at most 512 characters"),
    description("with a NUL", "\0", "must not contain a NUL character")),
  folder("POST /accounts/topup", "", unreadable("POST /accounts/topup"), amounts("POST /accounts/topup"), keys("POST /accounts/topup")),
  folder("POST /accounts", "", unreadable("POST /accounts")),
  folder("POST /orders/{id}/cancel", "", unreadable("POST /orders/{id}/cancel", { at: { id: "{{orderId}}" } })));
