// Everything that lives while the page acts for one user: push, asking, what is known, and the two outboxes.
// The composition root of the framework-free part. Absent: React, and words.
import type { components } from "../api/payments";
import { call } from "../api/call";
import { Asking } from "../orders/asking";
import { KnownOrders } from "../orders/known";
import type { Order } from "../orders/order";
import { newKey } from "../outbox/key";
import { Outbox } from "../outbox/outbox";
import { isOrderBody, type OrderBody } from "../placing/draft";
import { PushClient, type Socket } from "../push/client";
import type { Fact } from "../push/messages";
import { RememberedPush } from "../push/memory";
import { forGood, forThisTab } from "../remembering/store";
import { chance } from "../time/backoff";
import { clock } from "../time/clock";
import { Watched } from "../watching/watched";

type ToppedUp = components["schemas"]["ToppedUp"];
export type TopUpBody = Pick<OrderBody, "amount">;

export interface SessionEvents {
  /** An order changed; `tell` when the shopper is to be told, which is once for each change. */
  onNews: (fact: Fact, tell: boolean) => void;
  /** Whatever was fetched may be old. */
  onStale: () => void;
  onPlaced: (order: Order) => void;
  onToppedUp: (toppedUp: ToppedUp) => void;
}

export class Session {
  readonly user: string;
  /** The shop's one currency, as the last answer said. */
  readonly currency = new Watched("RUB");
  readonly known: KnownOrders;
  readonly push: PushClient;
  readonly orders: Outbox<OrderBody, Order>;
  readonly topUps: Outbox<TopUpBody, ToppedUp>;
  readonly #asking: Asking;
  #leave: (() => void)[] = [];

  constructor(user: string, events: SessionEvents) {
    this.user = user;
    const memory = new RememberedPush(forThisTab, user);
    this.known = new KnownOrders(memory, events.onNews);
    this.push = new PushClient({
      open: (after) => openSocket(pushAddress(location, user, after)),
      clock,
      chance,
      cursor: { get: () => memory.now.cursor, set: (cursor) => memory.keep({ cursor }) },
      onFact: (fact) => this.known.hear(fact, "push"),
      onFreshStart: events.onStale,
    });
    this.#asking = newAsking(user, this.known, this.push);
    const common = { store: forGood, clock, chance, newKey, isBody: isOrderBody };
    this.orders = new Outbox<OrderBody, Order>({
      ...common,
      slot: outboxSlot("order", user),
      send: ({ key, body }) => call("post", "/orders", { user, body, idempotencyKey: key }),
      onDone: (order) => {
        this.known.hear(order, "list");
        events.onPlaced(order);
      },
    });
    this.topUps = new Outbox<TopUpBody, ToppedUp>({
      ...common,
      slot: outboxSlot("topup", user),
      send: ({ key, body }) => call("post", "/accounts/topup", { user, body, idempotencyKey: key }),
      onDone: events.onToppedUp,
    });
  }

  start(): void {
    const on = (target: EventTarget, type: string, run: () => void) => {
      target.addEventListener(type, run);
      this.#leave.push(() => target.removeEventListener(type, run));
    };
    on(window, "online", () => this.#networkChanged());
    on(window, "offline", () => this.push.reconnect());
    on(document, "visibilitychange", () => {
      if (!document.hidden) this.push.tryNow();
    });
    on(window, "storage", () => {
      this.orders.noticeStore();
      this.topUps.noticeStore();
    });
    this.#leave.push(this.push.status.subscribe(() => this.#asking.nudge()));
    this.#leave.push(this.known.edition.subscribe(() => this.#asking.nudge()));
    this.orders.start();
    this.topUps.start();
    this.push.start();
    this.#asking.start();
  }

  stop(): void {
    for (const leave of this.#leave) leave();
    this.#leave = [];
    this.#asking.stop();
    this.push.stop();
    this.orders.stop();
    this.topUps.stop();
  }

  #networkChanged(): void {
    this.push.reconnect();
    this.orders.tryNow();
    this.topUps.tryNow();
  }
}

/** Two users in one browser never share a slot; ids are opaque, but none holds a space. */
function outboxSlot(kind: "order" | "topup", user: string): string {
  return `gozon.outbox.${kind} ${user}`;
}

/** `connect-src 'self'` covers ws: of this host; a relative address is not understood by older browsers. */
export function pushAddress(page: Pick<Location, "protocol" | "host">, user: string, after: string | null): string {
  const query = new URLSearchParams({ user_id: user });
  if (after !== null) query.set("after", after);
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/ws/orders?${query.toString()}`;
}

/** The browser's WebSocket, with as much of it as the client needs. */
function openSocket(address: string): Socket {
  const socket = new WebSocket(address);
  const seen: Socket = { onopen: null, onmessage: null, onclose: null, close: () => socket.close() };
  socket.onopen = () => seen.onopen?.();
  socket.onmessage = (event: MessageEvent<unknown>) => seen.onmessage?.(event);
  socket.onclose = (event) => seen.onclose?.(event);
  return seen;
}

function newAsking(user: string, known: KnownOrders, push: PushClient): Asking {
  return new Asking({
    known,
    clock,
    live: () => push.status.get() === "live",
    list: async () => {
      const answer = await call("get", "/orders", { user, query: { limit: 100 } });
      return answer.kind === "done" ? answer.value.orders : null;
    },
    one: async (id) => {
      const answer = await call("get", "/orders/{id}", { user, id });
      if (answer.kind === "done") return answer.value;
      return answer.kind === "refused" && answer.status === 404 ? "gone" : null;
    },
    onMissed: () => push.reconnect(),
  });
}
