// One attempt of the client to hold a connection: its socket, and what is known of it. Pure.

import { Decoder, TEXT_PREFIX } from "./compact.js";
import { ERROR_EXPLAINS_MS, SENTENCE_CHARACTERS, WELCOME_MS } from "./constants.js";
import { codeOf, ends, isFinal, isOwn, meaning } from "./endings.js";
import { decode, encodeHello } from "./messages.js";
import { oneLine } from "./text.js";

const NO_LOBBY = "no lobby answers there, or it refuses the connection";

/**
 * @typedef {object} Socket a WebSocket that connects by itself
 * @property {boolean} is_open     texts can be sent
 * @property {boolean} is_closed   it has ended
 * @property {number} close_code   1006 if it ended without a close
 * @property {string} close_reason
 * @property {(most: number) => (string | Uint8Array)[]} take the first texts and binary messages, at most so many, that arrived
 *   and were not taken yet
 * @property {(text: string) => void} send
 * @property {() => void} close    closes with 1000
 */

export class Attempt {
  /** When it began to connect; after the client closed it, when it began to close. */
  began_ms;
  is_welcomed = false;
  welcomed_ms = NaN;
  /** When something arrived last. */
  received_ms = 0;
  /** @type {import("./messages.js").ErrorMessage | null} the last error; of several closing errors the first */
  error = null;
  error_ms = -Infinity;
  /** Whether `taken_over` may mean a takeover by this client. */
  may_be_own_takeover = false;
  #hello_at_ms = NaN;
  #compact = new Decoder();

  constructor(/** @type {Socket} */ socket, /** @type {number} */ now_ms) {
    this.socket = socket;
    this.began_ms = now_ms;
  }

  /** The message in a text or binary message of this connection; null if it is not valid. @param {string | Uint8Array} frame */
  decode(frame) {
    if (typeof frame !== "string") return this.#compact.decode(frame);
    return frame.startsWith(TEXT_PREFIX) ? this.#compact.decodeText(frame) : decode(frame);
  }

  /** Whether the lobby has sent a closing error. */
  get has_closing_error() {
    return this.error !== null && this.error.close !== 0;
  }

  /** How long it has been connected, in ms; 0 if it never was. */
  lived(/** @type {number} */ now_ms) {
    return this.is_welcomed ? now_ms - this.welcomed_ms : 0;
  }

  /** Sends `hello` once if the `welcome` does not arrive by itself. */
  requestWelcome(/** @type {number} */ now_ms) {
    if (Number.isNaN(this.#hello_at_ms)) this.#hello_at_ms = now_ms + WELCOME_MS;
    else if (now_ms >= this.#hello_at_ms) {
      this.#hello_at_ms = Infinity;
      this.socket.send(encodeHello());
    }
  }

  /**
   * Why it ended. An error shortly before the end explains it, because API Gateway cannot close with a code of its own.
   * Else the close code does.
   * @returns {import("./endings.js").Ending}
   */
  ending(/** @type {number} */ now_ms) {
    const { error, has_closing_error } = this;
    let close = this.socket.close_code;
    if (error && has_closing_error && !isOwn(close)) close = error.close;
    let code = codeOf(close);
    let text = oneLine(this.socket.close_reason, SENTENCE_CHARACTERS);
    if (text.startsWith(`${code}: `)) text = text.slice(code.length + 2);
    if (error && (has_closing_error || now_ms - this.error_ms < ERROR_EXPLAINS_MS)) {
      text = error.message;
      if (has_closing_error || ends(error.code)) code = error.code;
    }
    const [is_final, is_unexplained] = [isFinal(code, close), text === "" && close === 1000];
    if (text === "") text = !this.is_welcomed && code === "" ? NO_LOBBY : meaning(code, close);
    return { code, text, is_final, is_unexplained };
  }
}
