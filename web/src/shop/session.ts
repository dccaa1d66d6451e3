// Everything that lives while the page acts for one user: push, asking, what is known, and the two outboxes.
// The composition root of the framework-free part. Absent: React, and words.
import type { components } from "../api/payments";
import { MISMATCH, type Answer } from "../api/answer";
import { call, signedIn } from "../api/call";
import { Confirmation } from "../identity/confirmation";
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
  readonly confirmation: Confirmation;
  readonly known: KnownOrders;
  readonly push: PushClient;
  readonly orders: Outbox<OrderBody, Order>;
  readonly topUps: Outbox<TopUpBody, ToppedUp>;
  readonly #asking: Asking;
  #leave: (() => void)[] = [];

  constructor(user: string, events: SessionEvents) {
    this.user = user;
    this.confirmation = new Confirmation({ ask: () => isSignedIn(user), clock, chance });
    const memory = new RememberedPush(forThisTab, user);
    this.known = new KnownOrders(memory, events.onNews);
    this.push = new PushClient({
      open: (after) => openSocket(pushAddress(location, user, after)),
      clock,
      chance,
      cursor: { get: () => memory.now.cursor, set: (cursor) => memory.keep({ cursor }) },
      onFact: (fact) => this.known.hear(fact, "push"),
      onUnopened: () => void isSignedIn(user),
      onUser: (other) => {
        if (other !== user) signedIn.set(other);
      },
      onFreshStart: events.onStale,
    });
    this.#asking = newAsking(user, this.known, this.push);
    const common = { store: forGood, clock, chance, newKey, isBody: isOrderBody };
    this.orders = new Outbox<OrderBody, Order>({
      ...common,
      ...outboxSlots("order", user),
      send: ({ key, body }) => call("post", "/orders", { user, body, idempotencyKey: key }),
      onDone: (order) => {
        this.known.hear(order, "list");
        events.onPlaced(order);
      },
    });
    this.topUps = new Outbox<TopUpBody, ToppedUp>({
      ...common,
      ...outboxSlots("topup", user),
      send: ({ key, body }) => call("post", "/accounts/topup", { user, body, idempotencyKey: key }),
      onDone: events.onToppedUp,
    });
  }

  /** With `hold`, what is kept waits for a click: its user has only just been found out. */
  start(hold: boolean): void {
    const on = (target: EventTarget, type: string, run: (event: Event) => void) => {
      target.addEventListener(type, run);
      this.#leave.push(() => target.removeEventListener(type, run));
    };
    on(window, "online", () => {
      this.confirmation.check();
      this.push.reconnect();
    });
    on(window, "offline", () => this.push.reconnect());
    // The session may have become another's while nobody looked: asleep, or in the browser's memory of earlier pages.
    on(document, "visibilitychange", () => {
      if (document.hidden) return;
      this.confirmation.check();
      this.push.tryNow();
    });
    on(window, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) this.confirmation.check();
    });
    on(window, "storage", () => {
      this.orders.noticeStore();
      this.topUps.noticeStore();
    });
    this.#leave.push(this.push.status.subscribe(() => this.#asking.nudge()));
    this.#leave.push(this.known.edition.subscribe(() => this.#asking.nudge()));
    this.#leave.push(this.confirmation.confirmed.subscribe(() => this.#confirmed()));
    this.orders.start(hold);
    this.topUps.start(hold);
    this.confirmation.check();
  }

  stop(): void {
    for (const leave of this.#leave) leave();
    this.#leave = [];
    this.confirmation.stop();
    this.#asking.stop();
    this.push.stop();
    this.orders.stop();
    this.topUps.stop();
  }

  #confirmed(): void {
    const confirmed = this.confirmation.confirmed.get();
    this.orders.confirm(confirmed);
    this.topUps.confirm(confirmed);
    if (!confirmed) return;
    // Both go on from here by themselves; started once, they are not started again.
    this.push.start();
    this.#asking.start();
  }
}

/** Any answer of the shop itself that is not about another user says that it is this one. Both services are asked: either may be away. */
async function isSignedIn(user: string): Promise<boolean> {
  const asked = [
    call("get", "/orders", { user, query: { limit: 1 } }).then(confirms),
    call("get", "/accounts/balance", { user }).then(confirms),
  ];
  return new Promise((resolve) => {
    for (const confirmed of asked) void confirmed.then((is) => is && resolve(true));
    void Promise.all(asked).then((all) => resolve(all.includes(true)));
  });
}

function confirms(answer: Answer<unknown>): boolean {
  if (answer.kind === "refused") return answer.problem !== null && answer.problem.code !== MISMATCH;
  return answer.kind === "done";
}

/** Two users in one browser never share a slot; ids are opaque, but none holds a space. */
function outboxSlots(kind: "order" | "topup", user: string): { slot: string; oldSlot: string } {
  return { slot: `gozon.kept.${kind} ${user}`, oldSlot: `gozon.outbox.${kind} ${user}` };
}

/** `connect-src 'self'` covers ws: of this host; a relative address is not understood by older browsers. */
export function pushAddress(page: Pick<Location, "protocol" | "host">, user: string, after: string | null): string {
  const query = new URLSearchParams({ user_id: user, expected_user_id: user });
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
