// What the shopper is told about the connection, under test.
import { expect, test } from "vitest";
import { connectionOf, type Signs } from "./state";

const fine: Signs = { push: "live", failed: false, online: true, reachable: true };

test.each<[Partial<Signs>, string]>([
  [{}, "live"],
  [{ online: false, reachable: false }, "live"],
  [{ push: "connecting" }, "connecting"],
  [{ push: "stopped" }, "connecting"],
  [{ push: "waiting", failed: true }, "asking"],
  [{ push: "connecting", failed: true }, "asking"],
  [{ push: "refused" }, "asking"],
  [{ push: "waiting", failed: true, online: false }, "offline"],
  [{ push: "connecting", reachable: false }, "offline"],
])("%j is %s", (signs, connection) => {
  expect(connectionOf({ ...fine, ...signs })).toBe(connection);
});
