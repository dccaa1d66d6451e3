// The browser's own notifications, for a tab that nobody looks at. Absent: asking for permission on load.
import type { Store } from "../remembering/store";
import { Watched } from "../watching/watched";

const NAME = "gozon.notify";

/** `unsupported`: no such thing here. `denied`: the shopper, or the browser, has said no for good. */
export type DesktopState = "unsupported" | "denied" | "off" | "on";

export class Desktop {
  readonly state: Watched<DesktopState>;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.state = new Watched(this.#read());
  }

  /** Only ever called from a click. */
  async toggle(): Promise<void> {
    if (this.state.get() === "on") {
      this.#store.remove(NAME);
    } else {
      this.#store.set(NAME, "on");
      if (Notification.permission === "default") await Notification.requestPermission();
    }
    this.state.set(this.#read());
  }

  /** The tag replaces the same message of another tab instead of showing it twice. */
  show(title: string, body: string, tag: string): void {
    if (this.#read() !== "on" || !document.hidden) return;
    try {
      const shown = new Notification(title, { body, tag, icon: "/favicon.svg" });
      shown.onclick = () => {
        window.focus();
        shown.close();
      };
    } catch {
      // Chrome on Android wants a service worker for this; the toast is there all the same.
    }
  }

  #read(): DesktopState {
    if (!("Notification" in globalThis)) return "unsupported";
    if (Notification.permission === "denied") return "denied";
    return this.#store.get(NAME) === "on" && Notification.permission === "granted" ? "on" : "off";
  }
}
