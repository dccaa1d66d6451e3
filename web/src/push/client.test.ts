// The push connection under test, against a fake shop and a clock that stands still.
import { beforeEach, describe, expect, test } from "vitest";
import { fakeStore } from "../remembering/fakeStore";
import { FakeClock } from "../time/fakeClock";
import { PushClient } from "./client";
import { FakeShop } from "./fakeShop";
import { RememberedPush } from "./memory";
import type { Fact } from "./messages";

let shop: FakeShop;
let clock: FakeClock;
let heard: Fact[];
let freshStarts: number;
let unopened: number;
let users: string[];
let tab: ReturnType<typeof fakeStore>;

function newClient(user = "1") {
  const memory = new RememberedPush(tab, user);
  return new PushClient({
    open: shop.open,
    clock,
    chance: () => 0.5,
    cursor: { get: () => memory.now.cursor, set: (cursor) => memory.keep({ cursor }) },
    onFact: (fact) => heard.push(fact),
    onUnopened: () => (unopened += 1),
    onUser: (whose) => users.push(whose),
    onFreshStart: () => (freshStarts += 1),
  });
}

function liveClient() {
  const client = newClient();
  client.start();
  shop.welcome();
  return client;
}

beforeEach(() => {
  shop = new FakeShop();
  clock = new FakeClock();
  heard = [];
  freshStarts = 0;
  unopened = 0;
  users = [];
  tab = fakeStore();
});

const versions = () => heard.map(({ id, version }) => `${id}@${version}`);

describe("connecting", () => {
  test("without a cursor it is live after ready, and has the lists fetched", () => {
    const client = newClient();
    client.start();
    expect(client.status.get()).toBe("connecting");
    expect(shop.last.after).toBeNull();
    shop.last.onopen?.();
    expect(client.status.get()).toBe("connecting");
    shop.welcome();
    expect(client.status.get()).toBe("live");
    expect(freshStarts).toBe(1);
  });

  test("a socket that did not open is said, for a browser shows no status of a refused upgrade", () => {
    const client = newClient();
    client.start();
    shop.last.end(1006);
    expect(unopened).toBe(1);
    client.tryNow();
    shop.welcome();
    shop.last.end(1006);
    expect(unopened).toBe(1);
  });

  test("whose it is, is said as soon as the shop says it", () => {
    newClient().start();
    shop.last.onopen?.();
    shop.last.say({ type: "ready", user_id: "2", cursor: "0" });
    expect(users).toEqual(["2"]);
  });

  test("starting twice opens one socket", () => {
    const client = newClient();
    client.start();
    client.start();
    expect(shop.sockets).toHaveLength(1);
  });

  test("a shop that never says ready is left and tried again", async () => {
    const client = newClient();
    client.start();
    const silent = shop.last;
    silent.onopen?.();
    await clock.pass(20_000);
    expect(silent.closed).toBe(true);
    expect(client.status.get()).toBe("waiting");
    await clock.pass(1_000);
    expect(shop.sockets).toHaveLength(2);
  });

  test("an address that cannot even be opened is waited for like a closed connection", async () => {
    let refusals = 2;
    const open = shop.open;
    Object.assign(shop, {
      open: (after: string | null) => {
        if (refusals > 0) {
          refusals -= 1;
          throw new DOMException("blocked", "SecurityError");
        }
        return open(after);
      },
    });
    const client = newClient();
    client.start();
    expect(client.status.get()).toBe("waiting");
    await clock.pass(5_000);
    expect(client.status.get()).toBe("connecting");
  });
});

describe("resuming", () => {
  test("a cut connection resumes by the last cursor and misses nothing", async () => {
    const client = liveClient();
    shop.change("a", 2);
    shop.last.end(1006);
    expect(client.status.get()).toBe("waiting");
    shop.change("b", 2);
    await clock.pass(500);
    expect(shop.last.after).toBe("1");
    shop.welcome();
    expect(client.status.get()).toBe("live");
    expect(versions()).toEqual(["a@2", "b@2"]);
    expect(freshStarts).toBe(1);
  });

  test("a reload resumes where the page was, each user by its own cursor", () => {
    liveClient().stop();
    shop.change("a", 2);
    newClient("1").start();
    expect(shop.last.after).toBe("0");
    shop.welcome();
    expect(versions()).toEqual(["a@2"]);
    newClient("2").start();
    expect(shop.last.after).toBeNull();
  });

  test("1013 means: not gone, too slow; it resumes by cursor", async () => {
    liveClient();
    shop.change("a", 2);
    shop.last.end(1013);
    await clock.pass(500);
    expect(shop.last.after).toBe("1");
  });

  test("a cut in the middle of the snapshots goes on after the last one that came", async () => {
    liveClient();
    shop.last.end(1006);
    shop.change("a", 2);
    shop.change("b", 2);
    await clock.pass(500);
    shop.last.onopen?.();
    shop.last.say({ type: "snapshot", order_id: "a", status: "FINISHED", amount: "5.00", reason: null, version: 2, cursor: "1" });
    shop.last.end(1006);
    await clock.pass(2_000);
    expect(shop.last.after).toBe("1");
    shop.welcome();
    expect(versions()).toEqual(["a@2", "b@2"]);
  });
});

describe("being refused", () => {
  test("1008 for a cursor: it starts afresh", async () => {
    tab.set("gozon.push.1", JSON.stringify({ cursor: "bad", told: [], waiting: [] }));
    const client = newClient();
    client.start();
    expect(shop.last.after).toBe("bad");
    shop.last.onopen?.();
    shop.last.end(1008);
    await clock.pass(1_000);
    expect(shop.last.after).toBeNull();
    shop.welcome();
    expect(client.status.get()).toBe("live");
    expect(freshStarts).toBe(1);
  });

  test("1008 without a cursor: it stops, until something changes", async () => {
    const client = newClient();
    client.start();
    shop.last.onopen?.();
    shop.last.end(1008);
    expect(client.status.get()).toBe("refused");
    await clock.pass(3_600_000);
    expect(shop.sockets).toHaveLength(1);
    client.tryNow();
    expect(client.status.get()).toBe("connecting");
  });

  test("a cursor with which the upgrade never succeeds is left out once in a while, and not lost by that", async () => {
    tab.set("gozon.push.1", JSON.stringify({ cursor: "7", told: [], waiting: [] }));
    newClient().start();
    for (let failure = 0; failure < 8; failure += 1) {
      shop.last.end(1006);
      await clock.pass(16_000);
    }
    expect(shop.sockets.map(({ after }) => after)).toEqual(["7", "7", "7", "7", null, "7", "7", "7", null]);
  });
});

describe("backing off", () => {
  test("waits grow, with jitter, up to a cap", async () => {
    const client = newClient();
    client.start();
    const waits: number[] = [];
    for (let failure = 0; failure < 9; failure += 1) {
      shop.last.end(1006);
      const before = clock.now();
      const sockets = shop.sockets.length;
      while (shop.sockets.length === sockets) await clock.pass(25);
      waits.push(clock.now() - before);
    }
    expect(waits).toEqual([375, 750, 1500, 3000, 6000, 12000, 15000, 15000, 15000]);
    expect(client.status.get()).toBe("connecting");
  });

  test("a shop that accepts and closes at once is not hammered", async () => {
    liveClient();
    for (let round = 0; round < 20; round += 1) {
      shop.last.end(1001);
      await clock.pass(15_000);
      if (shop.last.closed) continue;
      shop.welcome();
    }
    const sockets = shop.sockets.length;
    shop.last.end(1001);
    await clock.pass(1_000);
    expect(shop.sockets.length - sockets).toBeLessThanOrEqual(1);
  });

  test("after a good long connection the first wait is short again", async () => {
    liveClient();
    for (let failure = 0; failure < 6; failure += 1) {
      shop.last.end(1006);
      await clock.pass(20_000);
    }
    shop.welcome();
    await clock.pass(60_000);
    const sockets = shop.sockets.length;
    shop.last.end(1006);
    await clock.pass(400);
    expect(shop.sockets).toHaveLength(sockets + 1);
  });

  test("when the network is back nobody waits", () => {
    const client = liveClient();
    shop.last.end(1006);
    client.tryNow();
    expect(client.status.get()).toBe("connecting");
    expect(clock.waiting).toBe(1);
  });
});

describe("letting go", () => {
  test("a stopped client has no timers, no socket, and hears nothing more", async () => {
    const client = liveClient();
    const socket = shop.last;
    client.stop();
    expect(socket.closed).toBe(true);
    socket.say({ type: "update", order_id: "a", status: "FINISHED", amount: "1.00", reason: null, version: 2, cursor: "9" });
    socket.end(1006);
    await clock.pass(60_000);
    expect(heard).toEqual([]);
    expect(clock.waiting).toBe(0);
    expect(shop.sockets).toHaveLength(1);
  });

  test("a socket left behind is not listened to", () => {
    const client = liveClient();
    const old = shop.last;
    client.reconnect();
    expect(old.closed).toBe(true);
    old.end(1006);
    expect(client.status.get()).toBe("connecting");
    expect(shop.sockets).toHaveLength(2);
  });

  test("what it does not understand is skipped", () => {
    liveClient();
    for (const nonsense of ["", "{", "null", "[]", '{"type":"joke","cursor":"1"}', '{"type":"update","cursor":"1"}']) {
      shop.last.say(nonsense);
    }
    shop.last.say({ type: "update", order_id: "a", status: "LOST", amount: "1.00", reason: null, version: 2, cursor: "1" });
    shop.last.say({ type: "update", order_id: "a", status: "NEW", amount: "1.00", reason: null, version: 1.5, cursor: "1" });
    shop.last.onmessage?.({ data: new ArrayBuffer(1) });
    expect(heard).toEqual([]);
    shop.change("a", 2);
    expect(versions()).toEqual(["a@2"]);
  });
});
