// A WebSocket of a browser or of Node, as the state machine of the connection wants it: it is polled.

/**
 * @typedef {import("./attempt.js").Socket} Socket
 *
 * @typedef {object} SocketEvents
 * @property {() => void} changed something arrived, or the socket opened or closed
 * @property {(direction: "in" | "out", bytes: number) => void} [traffic] a message was received or sent
 */

const encoder = new TextEncoder();

/** @implements {Socket} */
export class PageSocket {
  close_code = 1006;
  close_reason = "";
  #socket;
  #on;
  #is_closed = false;
  /** @type {(string | Uint8Array)[]} */
  #arrived = [];

  /**
   * Throws if the browser does not accept the address, for example ws:// in a page that came by https.
   * @param {string} url
   * @param {SocketEvents} on
   * @param {(url: string) => WebSocket} [open]
   */
  constructor(url, on, open = (address) => new WebSocket(address)) {
    this.#on = on;
    this.#socket = open(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onerror = () => {}; // a close follows; without a listener, `ws` would end the process
    this.#socket.onopen = () => on.changed();
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = ({ code, reason }) => {
      this.#is_closed = true;
      this.close_code = code;
      this.close_reason = reason;
      on.changed();
    };
  }

  get is_open() {
    return this.#socket.readyState === WebSocketState.OPEN;
  }

  get is_closed() {
    return this.#is_closed;
  }

  take(/** @type {number} */ most) {
    return this.#arrived.splice(0, most);
  }

  send(/** @type {string} */ text) {
    if (!this.is_open) return;
    this.#socket.send(text);
    this.#on.traffic?.("out", encoder.encode(text).length);
  }

  close() {
    this.#socket.onmessage = null;
    this.#arrived.length = 0;
    if (this.#socket.readyState < WebSocketState.CLOSING) this.#socket.close(1000, "bye");
  }

  #receive(/** @type {unknown} */ data) {
    if (typeof data !== "string" && !(data instanceof ArrayBuffer)) return;
    const message = typeof data === "string" ? data : new Uint8Array(data);
    this.#on.traffic?.("in", typeof message === "string" ? encoder.encode(message).length : message.length);
    this.#arrived.push(message);
    this.#on.changed();
  }
}

/** Values of `WebSocket.readyState`. */
const WebSocketState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
