// The connection of one player to a lobby, as a state machine. It retries after a pause, replaces a connection before API
// Gateway closes it (takeover), and detects dead connections. It does not interpret other messages.
//
// Pure: time, random numbers and sockets are arguments. `poll` moves everything on; call it at least every BUSY_MS. The
// Python and the Godot client have the same machine; tests/playbooks holds all three to the same behaviour.

import { Attempt } from "./attempt.js";
import { Backoff } from "./backoff.js";
import {
  BUSY_MS,
  CLOSE_MS,
  CLOSING_ERROR_MS,
  CONFIRM_LONGEST_MS,
  CONFIRM_MS,
  CONFIRM_WINDOW_MS,
  CONNECT_MS,
  FAR_MS,
  FIRST_PING_MS,
  HEARTBEAT_LEAST_MS,
  HEARTBEAT_MS,
  MESSAGES_PER_POLL,
  PONG_MS,
  SEND_MS,
  TAKEOVER_MS,
  TAKEOVER_RETRY_MS,
  TAKEOVER_SPREAD,
  WINDOW_MS,
} from "./constants.js";
import { VERSION, encodePing } from "./messages.js";

const BAD_ADDRESS = "this is no address of a lobby; one looks like ws://127.0.0.1:8765/";
const NO_WELCOME = "no lobby answered within ten seconds";
const NO_PONG = "the lobby stopped answering";

/**
 * @typedef {import("./attempt.js").Socket} Socket
 * @typedef {import("./endings.js").Ending} Ending
 * @typedef {import("./messages.js").Message} Message
 *
 * @typedef {"closed" | "connecting" | "connected" | "waiting" | "refused"} State closed: no connection is wanted;
 *   waiting: for the next retry; refused: there is no further attempt
 *
 * @typedef {object} Listener each of these may call `close` and `open`
 * @property {() => void} [connected] the lobby sent its welcome: for the first time, or again after a disconnect
 * @property {(reason: string, pause_ms: number) => void} [disconnected] the connection ended, or an attempt failed
 * @property {(code: string, message: string) => void} [refused] the lobby refuses this player
 * @property {(message: Message, now_ms: number, is_busy: boolean) => void} [message] is_busy: the message may have waited
 *   for this client, not for the network
 *
 * @typedef {object} Options
 * @property {(url: string) => Socket} newSocket begins to connect; throws if the address is not valid
 * @property {() => number} random a number from 0 to 1
 * @property {Listener} on
 * @property {(heartbeat_ms: number) => number} [pingInterval] the page pings more often than the lobby asks for
 */

export class Connection {
  /** The URL of the next attempt, with the player in its query. */
  url = "";
  /** @type {State} */
  state = "closed";
  /** When the next attempt begins, in state `waiting`. */
  retry_at_ms = NaN;
  /** The version of the protocol that the lobby speaks. */
  version = VERSION;
  /** @type {import("./messages.js").Config} */
  config = { type: "config", send_ms: SEND_MS, window_ms: WINDOW_MS, far_ms: FAR_MS, heartbeat_ms: HEARTBEAT_MS, return_ms: 0 };
  /** How long the last ping took; NaN before the first pong. */
  round_trip_ms = NaN;
  /** The age at which a new connection takes over. */
  takeover_ms = TAKEOVER_MS;

  #newSocket;
  #random;
  #on;
  #pingInterval;
  /** @type {Attempt | null} connected, or connecting */
  #current = null;
  /** @type {Attempt | null} the one that takes over */
  #next = null;
  /** @type {Attempt[]} */
  #leaving = [];
  #backoff = new Backoff();
  #polled_ms = NaN;
  #ping_at_ms = Infinity;
  #pinged_ms = NaN;
  #ping_t = -1;
  /** When the first ping was sent after which nothing was received. */
  #unanswered_ms = NaN;
  #takeover_at_ms = Infinity;
  #own_n = 0;
  /** The last position, and when it was sent. */
  #position = { text: "", seq: 0, sent_ms: -Infinity };
  /** When to ask for it; never, once the lobby has it. */
  #confirm_at_ms = Infinity;
  #confirm_pause_ms = CONFIRM_MS;
  /** Whether the lobby's pongs carry a `seq`; those of an old lobby do not. */
  #is_confirming = false;

  /** @param {Options} options */
  constructor({ newSocket, random, on, pingInterval = (heartbeat_ms) => heartbeat_ms }) {
    this.#newSocket = newSocket;
    this.#random = random;
    this.#on = on;
    this.#pingInterval = pingInterval;
  }

  /** Connects, and stays connected until `close`. */
  open(/** @type {string} */ url, /** @type {number} */ now_ms) {
    this.close(now_ms);
    this.url = url;
    this.#backoff.reset();
    this.#confirm_at_ms = Infinity;
    this.#is_confirming = false;
    this.#connect(now_ms);
  }

  /** Closes. Continue to call `poll` until `is_leaving` is false. */
  close(/** @type {number} */ now_ms) {
    for (const attempt of [this.#current, this.#next]) if (attempt) this.#release(attempt, now_ms);
    this.#current = this.#next = null;
    this.state = "closed";
  }

  /** Whether a socket that was closed here still waits for the lobby's close, for at most CLOSE_MS. */
  get is_leaving() {
    return this.#leaving.length > 0;
  }

  /** The socket that sends now; null without a connection. After a takeover it is another one. @returns {Socket | null} */
  get socket() {
    return this.state === "connected" ? (this.#current?.socket ?? null) : null;
  }

  /** Ends the pause before the next attempt, and pings at once: a person asked for it, or the device woke up. */
  nudge(/** @type {number} */ now_ms) {
    this.retry_at_ms = this.#ping_at_ms = now_ms;
  }

  /** The device reports that its network is gone: the connection counts as lost at once. */
  lose(/** @type {string} */ reason, /** @type {number} */ now_ms) {
    const lost = this.#current;
    if (!lost) return;
    this.#release(lost, now_ms);
    this.#ended(lost, accident(reason), now_ms);
  }

  /** For how long a ping has had no answer, in ms; 0: nothing is missing. */
  silentFor(/** @type {number} */ now_ms) {
    const current = this.#current;
    return this.state === "connected" && current && current.received_ms < this.#unanswered_ms ? now_ms - this.#unanswered_ms : 0;
  }

  /** @returns {boolean} whether the text was sent */
  send(/** @type {string} */ text) {
    const socket = this.#current?.socket;
    if (this.state !== "connected" || !socket?.is_open) return false;
    socket.send(text);
    return true;
  }

  /**
   * Sends a position with the sequence number `seq`. If it is the last one, it is repeated until the lobby has confirmed that
   * it is stored.
   * @returns {boolean} whether it was sent
   */
  sendPosition(/** @type {string} */ text, /** @type {number} */ seq, /** @type {number} */ now_ms) {
    if (!this.send(text)) return false;
    this.#position = { text, seq, sent_ms: now_ms };
    this.#confirm_pause_ms = Math.max(CONFIRM_MS, this.config.window_ms + CONFIRM_WINDOW_MS);
    this.#confirm_at_ms = now_ms + this.#confirm_pause_ms;
    return true;
  }

  /** Moves everything on. `now_ms` is a clock that never goes back. */
  poll(/** @type {number} */ now_ms) {
    const away_ms = now_ms - this.#polled_ms;
    const is_busy = away_ms > BUSY_MS;
    this.#polled_ms = now_ms;
    this.#leaving = this.#leaving.filter((attempt) => !attempt.socket.is_closed && now_ms - attempt.began_ms <= CLOSE_MS);
    for (const attempt of [this.#next, this.#current]) {
      if (!attempt || !this.#isOurs(attempt)) continue;
      if (is_busy) attempt.began_ms += away_ms - BUSY_MS; // no answer could be received meanwhile
      this.#poll(attempt, now_ms, is_busy);
    }
    if (this.state === "waiting" && now_ms >= this.retry_at_ms) this.#connect(now_ms);
    if (this.state === "connected" && this.#current) this.#keepAlive(this.#current, now_ms);
  }

  #connect(/** @type {number} */ now_ms) {
    this.state = "connecting";
    this.#current = this.#attempt(now_ms);
    if (this.#current) return;
    this.state = "refused";
    this.#on.refused?.("bad_address", BAD_ADDRESS);
  }

  #attempt(/** @type {number} */ now_ms) {
    try {
      return new Attempt(this.#newSocket(this.url), now_ms);
    } catch {
      return null;
    }
  }

  #poll(/** @type {Attempt} */ attempt, /** @type {number} */ now_ms, /** @type {boolean} */ is_busy) {
    const frames = attempt.socket.take(MESSAGES_PER_POLL);
    for (const frame of frames) {
      this.#receive(attempt, attempt.decode(frame), now_ms, is_busy);
      if (!this.#isOurs(attempt)) return; // the listener has closed the connection
    }
    if (attempt.socket.is_open && !attempt.is_welcomed) attempt.requestWelcome(now_ms);
    // If the poll has handled so many, more may wait.
    if (attempt.socket.is_closed && frames.length < MESSAGES_PER_POLL) {
      this.#ended(attempt, attempt.ending(now_ms), now_ms);
    } else if (attempt.has_closing_error && now_ms - attempt.error_ms > CLOSING_ERROR_MS) {
      this.#release(attempt, now_ms);
      this.#ended(attempt, attempt.ending(now_ms), now_ms);
    } else if (!attempt.is_welcomed && now_ms - attempt.began_ms > CONNECT_MS) {
      this.#release(attempt, now_ms);
      this.#ended(attempt, accident(NO_WELCOME), now_ms);
    }
  }

  #receive(/** @type {Attempt} */ attempt, /** @type {Message | null} */ message, /** @type {number} */ now_ms, /** @type {boolean} */ is_busy) {
    attempt.received_ms = now_ms;
    if (attempt.has_closing_error) return; // nothing counts after a closing error
    if (message?.type === "error") {
      attempt.error = message;
      attempt.error_ms = now_ms;
      if (attempt.has_closing_error) return;
    }
    if (message?.type === "welcome" && !attempt.is_welcomed) this.#welcomed(attempt, message, now_ms);
    if (!message || attempt !== this.#current || !attempt.is_welcomed) return;
    if (message.type === "config") {
      this.config = message;
      this.#ping_at_ms = Math.min(this.#ping_at_ms, now_ms + this.#ping_interval_ms);
    }
    if (message.type === "pong" && !is_busy && message.t === this.#ping_t) this.round_trip_ms = now_ms - this.#pinged_ms;
    this.#confirm(message, now_ms);
    this.#on.message?.(message, now_ms, is_busy);
  }

  /** Compares what the lobby has stored with the last position that was sent. */
  #confirm(/** @type {Message} */ message, /** @type {number} */ now_ms) {
    if (message.type === "welcome") {
      this.#own_n = message.n;
      this.#stored(message.position.seq);
    } else if (message.type === "moves") {
      for (const { n, position } of message.entries) if (n === this.#own_n) this.#stored(position.seq);
    } else if (message.type === "pong") {
      this.#is_confirming = message.seq !== null;
      this.#stored(message.seq ?? 0);
      if (message.t === this.#ping_t) this.#repeatPosition(now_ms);
    }
  }

  #stored(/** @type {number} */ seq) {
    if (seq >= this.#position.seq) this.#confirm_at_ms = Infinity;
  }

  #repeatPosition(/** @type {number} */ now_ms) {
    const is_too_early = now_ms - this.#position.sent_ms < Math.max(CONFIRM_MS, this.config.send_ms);
    if (this.#confirm_at_ms === Infinity || is_too_early) return;
    this.send(this.#position.text);
    this.#position.sent_ms = now_ms;
    if (!this.#is_confirming) this.#confirm_at_ms = Infinity; // an old lobby confirms nothing: once is enough
  }

  /** With its `welcome` an attempt becomes the current connection. */
  #welcomed(/** @type {Attempt} */ attempt, /** @type {import("./messages.js").Welcome} */ welcome, /** @type {number} */ now_ms) {
    attempt.is_welcomed = true;
    attempt.welcomed_ms = now_ms;
    if (attempt === this.#next) {
      if (this.#current) this.#release(this.#current, now_ms);
      this.#current = attempt;
      this.#next = null;
    }
    this.version = Math.min(welcome.v, VERSION);
    this.#unanswered_ms = NaN;
    this.#ping_t = -1;
    this.#ping_at_ms = now_ms + FIRST_PING_MS;
    this.#takeover_at_ms = now_ms + this.takeover_ms * (1 - TAKEOVER_SPREAD * this.#random());
    if (this.state === "connected") return;
    this.state = "connected";
    this.#on.connected?.();
  }

  #keepAlive(/** @type {Attempt} */ current, /** @type {number} */ now_ms) {
    const is_unanswered = current.received_ms < this.#unanswered_ms;
    if (is_unanswered && now_ms - this.#unanswered_ms > PONG_MS) {
      this.#release(current, now_ms);
      this.#ended(current, accident(NO_PONG), now_ms);
      return;
    }
    if (now_ms >= this.#confirm_at_ms) {
      this.#confirm_pause_ms = Math.min(2 * this.#confirm_pause_ms, CONFIRM_LONGEST_MS);
      this.#confirm_at_ms = now_ms + this.#confirm_pause_ms;
      this.#ping_at_ms = now_ms;
    }
    if (now_ms >= this.#ping_at_ms && this.version >= 2) {
      if (!is_unanswered) this.#unanswered_ms = now_ms;
      this.#pinged_ms = now_ms;
      this.#ping_t = Math.floor(now_ms);
      this.#ping_at_ms = now_ms + this.#ping_interval_ms;
      this.send(encodePing(this.#ping_t));
    }
    if (now_ms >= this.#takeover_at_ms) {
      this.#takeover_at_ms = now_ms + TAKEOVER_RETRY_MS * (0.5 + this.#random());
      this.#next ??= this.#attempt(now_ms);
    }
  }

  #ended(/** @type {Attempt} */ attempt, /** @type {Ending} */ ending, /** @type {number} */ now_ms) {
    if (attempt === this.#next) {
      this.#next = null;
      if (this.#current) {
        // The current connection goes on. The lobby may have accepted the new one although no welcome was received.
        this.#current.may_be_own_takeover = true;
        return;
      }
    } else {
      this.#current = null;
      if (this.#next) return; // the next attempt takes over, or reports its own end
    }
    if (ending.is_final && !(ending.code === "taken_over" && attempt.may_be_own_takeover)) {
      this.state = "refused";
      this.#on.refused?.(ending.code, ending.text);
      return;
    }
    const random = this.#random();
    const backoff_ms = this.#backoff.pause(ending.is_unexplained ? 0 : attempt.lived(now_ms), random);
    // After a restart all clients of the lobby come back.
    const is_for_all = attempt.is_welcomed && (ending.code === "" || ending.code === "restarting");
    const pause_ms = Math.max(backoff_ms, is_for_all ? random * this.config.return_ms : 0);
    this.state = "waiting";
    this.retry_at_ms = now_ms + pause_ms;
    this.#on.disconnected?.(ending.text, pause_ms);
  }

  #isOurs(/** @type {Attempt} */ attempt) {
    return attempt === this.#current || attempt === this.#next;
  }

  #release(/** @type {Attempt} */ attempt, /** @type {number} */ now_ms) {
    attempt.socket.close();
    attempt.began_ms = now_ms;
    this.#leaving.push(attempt);
  }

  get #ping_interval_ms() {
    return Math.max(HEARTBEAT_LEAST_MS, this.#pingInterval(this.config.heartbeat_ms));
  }
}

/** @returns {Ending} */
const accident = (/** @type {string} */ text) => ({ code: "", text, is_final: false, is_unexplained: false });
