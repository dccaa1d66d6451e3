// The WebSockets: what they say, and every refusal that comes before the upgrade.
// Absent: a connection; this format of a collection cannot hold one (in Postman: New, WebSocket).
import { folder, undocumentedRefusal } from "../request.mjs";
import { header } from "../scripts.mjs";

/** An upgrade that would succeed but for what `asked` says. */
const refused = (path, code, status, title, asked) => undocumentedRefusal(`GET ${path}`, code, status, title, { user: null, ...asked });

const foreigner = { Origin: "https://elsewhere.example" };
const one = { at: { id: "{{orderId}}" } };

const requests = [
  refused("/ws/orders", "missing_user_id", 400, "The X-User-Id header is missing", { name: "Watch as nobody" }),
  refused("/ws/orders/{id}", "missing_user_id", 400, "The X-User-Id header is missing", { name: "Watch one order as nobody", ...one }),
  refused("/ws/orders", "invalid_user_id", 400, "The user id is not valid", {
    name: "Watch as a user with an empty id",
    query: { user_id: "" },
  }),
  refused("/ws/orders", "user_mismatch", 409, "The request is another user's", {
    name: "Watch in a stranger's name",
    query: { user_id: "{{userId}}", expected_user_id: "{{strangerId}}" },
  }),
  refused("/ws/orders", "origin_not_allowed", 403, "The origin is not allowed", {
    name: "Watch from a page of another origin",
    about: "It could read a user's orders through the user's browser.",
    query: { user_id: "{{userId}}" },
    headers: foreigner,
  }),
  refused("/ws/orders/{id}", "origin_not_allowed", 403, "The origin is not allowed", {
    name: "Watch one order from a page of another origin",
    ...one,
    query: { user_id: "{{userId}}" },
    headers: foreigner,
  }),
  refused("/ws/orders/{id}", "invalid_order_id", 400, "The order id is not valid", { name: "Watch what is no order", user: "{{userId}}", at: { id: "17" } }),
  refused("/ws/orders", "invalid_cursor", 400, "The cursor is not valid", {
    name: "Resume from a cursor that never was",
    query: { user_id: "{{userId}}", after: "nonsense" },
  }),
  refused("/ws/orders", "not_found", 404, "There is nothing here", { name: "Watch without an upgrade", query: { user_id: "{{userId}}" } }),
  undocumentedRefusal("POST /ws/orders", "method_not_allowed", 405, "The method is not allowed here", {
    name: "Watch by POST",
    then: [header("Allow", '"GET"')],
  }),
];

export default folder("5 Watching (WebSocket)", `
  \`GET /ws/orders\` tells of every change of the user's orders, \`GET /ws/orders/{id}\` of one. A browser cannot set headers here, so \`?user_id=\` and \`?expected_user_id=\` serve as well.
  In Postman: New, WebSocket, \`ws://127.0.0.1:8080/ws/orders?user_id=alice\`; then place an order as alice.

  The messages are JSON:
  - \`{"type": "snapshot", "order_id", "status", "amount", "reason", "version", "cursor"}\`: how it stands now; of one order, or, with \`?after=<cursor>\`, of each that changed since
  - \`{"type": "ready", "user_id", "cursor"}\`: all snapshots are sent, live from here
  - \`{"type": "update", "order_id", "status", "amount", "reason", "payment_status", "version", "cursor"}\`: it has changed

  Closing codes: 1001 when the server stops, or the socket has lived for an hour, 1008 for an order that is not the user's, 1013 for a client that does not keep up; it may resume by cursor.
  The requests in this folder are what is refused before any connection; the last but one would be a connection if it asked for the upgrade.`,
  requests);
