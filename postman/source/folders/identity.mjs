// Refusals for who asks: no X-User-Id, or one that cannot be; on every call of both services.
// Absent: authentication; the infrastructure in front of the shop does that.
import { operations } from "../openapi.mjs";
import { folder, refusal } from "../request.mjs";

const at = { id: "{{orderId}}" };
const body = { "POST /orders": { amount: "1.00" }, "POST /accounts/topup": { amount: "1.00" } };

const everywhere = [...operations.keys()].flatMap((operation) => [
  refusal(operation, "missing_user_id", { name: `${operation} as nobody`, user: null, at, body: body[operation] }),
  refusal(operation, "invalid_user_id", { name: `${operation} as a user with a space`, user: "no user", at, body: body[operation] }),
  refusal(operation, "user_mismatch", {
    name: `${operation} in a stranger's name`,
    headers: { "X-Expected-User-Id": "{{strangerId}}" },
    at,
    body: body[operation],
  }),
]);

const ids = {
  "an empty id": "",
  "an id of 129 characters": "u".repeat(129),
  "an id that is not ASCII": "ren\u00e9",
  "two ids": ["{{userId}}", "{{strangerId}}"],
};
const others = Object.entries(ids).map(([what, user]) =>
  refusal("GET /accounts/balance", "invalid_user_id", { name: `See the balance with ${what}`, user }));

export default folder("6 Refusals: who asks", `
  Every call carries \`X-User-Id\`: 1 to 128 visible ASCII characters, once. The company's infrastructure in front of the shop sets it; who tries the shop out sets it by hand.
  Whom a client believes to speak for, it may say in \`X-Expected-User-Id\`: unless that is who asks, nothing is done.`,
  everywhere, others);
