/** The public WebSocket: one connection, which comes back by itself and subscribes again. */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;

export class Stream {
  constructor(url) {
    this.url = url;
    this.handlers = new Map();
    this.openListeners = [];
    this.stateListeners = [];
    this.retryMs = FIRST_RETRY_MS;
    this.lastMessageAt = 0;
    this.state = "connecting";
  }

  /** Call `handler(data)` with each message of `name`. */
  subscribe(name, handler) {
    this.handlers.set(name, handler);
    if (this.state === "live") this.#send("SUBSCRIBE", [name]);
  }

  unsubscribe(name) {
    this.handlers.delete(name);
    if (this.state === "live") this.#send("UNSUBSCRIBE", [name]);
  }

  /** Call `listener` each time a connection is open and subscribed: what was missed must be fetched. */
  onOpen(listener) {
    this.openListeners.push(listener);
  }

  /** Call `listener("connecting" | "live" | "lost")` on each change. */
  onState(listener) {
    this.stateListeners.push(listener);
    listener(this.state);
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => {
      this.retryMs = FIRST_RETRY_MS;
      this.lastMessageAt = Date.now();
      this.#setState("live");
      this.#send("SUBSCRIBE", [...this.handlers.keys()]);
      for (const listener of this.openListeners) listener();
    });
    this.socket.addEventListener("message", (event) => {
      this.lastMessageAt = Date.now();
      const message = JSON.parse(event.data);
      this.handlers.get(message.stream)?.(message.data);
    });
    this.socket.addEventListener("close", () => this.#retry());
  }

  #retry() {
    this.#setState("lost");
    const wait = this.retryMs * (0.5 + Math.random());
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    setTimeout(() => this.connect(), wait);
  }

  #send(method, params) {
    if (params.length) this.socket.send(JSON.stringify({ method, params }));
  }

  #setState(state) {
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}
