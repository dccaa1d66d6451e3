// The shop's side of the WebSocket for tests: it keeps a log of changes, answers with snapshots after a cursor, and can misbehave.
// Absent from the built page.
import type { Fact } from "./messages";
import type { Socket } from "./client";

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;
  readonly after: string | null;

  constructor(after: string | null) {
    this.after = after;
  }

  close(): void {
    this.closed = true;
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** The shop, or the network, ends it. */
  end(code: number): void {
    this.closed = true;
    this.onclose?.({ code });
  }
}

export class FakeShop {
  readonly sockets: FakeSocket[] = [];
  readonly #log: Fact[] = [];

  readonly open = (after: string | null): Socket => {
    const socket = new FakeSocket(after);
    this.sockets.push(socket);
    return socket;
  };

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nobody has connected");
    return socket;
  }

  /** Opens the last connection as the contract says: snapshots after the cursor, then ready. */
  welcome(): void {
    const socket = this.last;
    socket.onopen?.();
    if (socket.after !== null) {
      const from = Number(socket.after);
      const newest = new Map(this.#log.map((fact, index) => [fact.id, { fact, cursor: index + 1 }]));
      for (const { fact, cursor } of newest.values()) if (cursor > from) socket.say(this.#note("snapshot", fact, cursor));
    }
    socket.say({ type: "ready", cursor: String(this.#log.length) });
  }

  /** An order changes; told to the last connection if it is still there. */
  change(id: string, version: number, status: Fact["status"] = "FINISHED", reason: Fact["reason"] = null): void {
    const fact: Fact = { id, version, status, reason, amount: "5.00" };
    this.#log.push(fact);
    if (!this.last.closed) this.last.say(this.#note("update", fact, this.#log.length));
  }

  #note(type: "snapshot" | "update", { id, ...fact }: Fact, cursor: number) {
    return { type, order_id: id, ...fact, payment_status: "succeeded", cursor: String(cursor) };
  }
}
