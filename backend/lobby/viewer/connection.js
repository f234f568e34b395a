// The socket, and everything that keeps it alive: connect timeout, heartbeats, coming back after a pause, and taking
// over our own connection before AWS cuts it. Clock, timers, socket and chance are arguments, so that two hours pass in
// a test in no time. Messages are handed on as parsed JSON; what they mean is roster.js's business.

import { PROVEN_MS, mayComeBack, pauseBefore } from "./backoff.js";
import { oneLine, socketUrl } from "./address.js";

export const CONNECT_TIMEOUT_MS = 10_000;
/** On AWS the welcome comes by itself after a moment; if it does not, ask. */
const HELLO_AFTER_MS = 2_000;
const PING_MS = 5_000;
/** Nothing heard for so long after a ping: the cable is pulled, although the socket still says open. */
const DEAF_MS = 12_000;
/** AWS cuts every connection after two hours. */
export const RENEW_MS = 110 * 60_000;
const RENEW_AGAIN_MS = 60_000;
const HELLO_AT_MOST_EVERY_MS = 10_000;
/** An `error` this long before a close is its reason; an older one is another story. */
const COMPLAINT_MS = 2_000;

/** How long a lobby that has said goodbye may take to close the connection. */
const GOODBYE_MS = 1_000;

/**
 * @typedef {import("./address.js").Address} Address
 *
 * @typedef {object} State
 * @property {"closed" | "connecting" | "connected" | "waiting" | "refused"} kind
 * @property {string} why      for people; "": nothing to say
 * @property {number} code     the close code; 0: none
 * @property {number} until_ms waiting: when it tries again
 * @property {number} tries    in vain, since the last good connection
 *
 * @typedef {object} Attempt
 * @property {WebSocket} socket
 * @property {number} welcomed_ms NaN: not yet
 * @property {string} complaint   the last `error`, which explains the close that follows at once
 * @property {number} complaint_ms
 * @property {number} goodbye     the close code that an `error` has announced; 0: none
 * @property {any[]} timers
 *
 * @typedef {object} Surroundings
 * @property {(url: string) => WebSocket} open
 * @property {() => number} now
 * @property {(action: () => void, ms: number) => any} after
 * @property {(timer: any) => void} cancel
 * @property {() => number} random
 *
 * @typedef {object} Listener
 * @property {(state: State) => void} state
 * @property {(message: any, now_ms: number) => void} message
 * @property {(direction: "in" | "out", bytes: number, now_ms: number) => void} traffic
 * @property {(round_trip_ms: number) => void} latency
 */

/** What we say when the lobby itself gave no reason. */
const WORDS = new Map([
  [1000, "The lobby closed the connection."],
  [1001, "The lobby is going away."],
  [1006, "The connection broke."],
  [1009, "A message was too large for the lobby."],
  [1011, "The lobby had an error."],
  [1012, "The lobby restarts."],
  [1013, "The lobby is busy."],
  [4500, "This player is now connected from somewhere else."],
]);

/** @type {Surroundings} */
const PAGE = {
  open: (url) => new WebSocket(url),
  now: () => performance.now(),
  after: (action, ms) => setTimeout(action, ms),
  cancel: (timer) => clearTimeout(timer),
  random: Math.random,
};

const encoder = new TextEncoder();

export class Connection {
  /** @type {State} */
  state = { kind: "closed", why: "", code: 0, until_ms: NaN, tries: 0 };
  /** @type {Address | null} */
  address = null;
  /** What the lobby asks us to keep to (`config`); until it says so, what every lobby takes. */
  config = { send_ms: 200, window_ms: 50, far_ms: 500, heartbeat_ms: 20_000 };

  /** @type {Attempt | null} */
  #current = null;
  /** @type {Attempt | null} the one that takes over */
  #next = null;
  #tries = 0;
  #version = 1;
  #retry = null;
  #heartbeat = null;
  #renew = null;
  #pinged_ms = NaN;
  #heard_ms = NaN;
  #hello_ms = -Infinity;

  /**
   * @param {Listener} on
   * @param {Partial<Surroundings>} [surroundings]
   */
  constructor(on, surroundings = {}) {
    this.on = on;
    this.around = { ...PAGE, ...surroundings };
  }

  get connected() {
    return this.state.kind === "connected";
  }

  /** Connect, or connect elsewhere. What was open before is closed first, so that the others see us go and come. */
  connect(/** @type {Address} */ address) {
    this.#stop();
    this.address = address;
    this.#tries = 0;
    const old = this.#current;
    this.#current = null;
    if (old && old.socket.readyState < 2) {
      // A new name is told in a `join`, and that comes only if we were gone: wait for the goodbye, but not for ever.
      this.#become({ kind: "connecting", why: "", code: 0 });
      this.#forget(old);
      let gone = false;
      const go = () => {
        if (gone || this.address !== address) return;
        gone = true;
        this.around.cancel(this.#retry);
        this.#start();
      };
      old.socket.onclose = go;
      old.socket.close(1000, "bye");
      this.#retry = this.around.after(go, 1_500);
    } else {
      this.#start();
    }
  }

  /** A person pressed "disconnect". */
  close() {
    this.#stop();
    for (const attempt of [this.#current, this.#next]) if (attempt) this.#drop(attempt);
    this.#current = this.#next = null;
    this.#become({ kind: "closed", why: "", code: 1000 });
  }

  /** Do not wait any longer. */
  tryNow() {
    if (this.state.kind === "connecting" || this.state.kind === "connected" || !this.address) return;
    if (this.state.kind !== "waiting") this.#tries = 0;
    this.#stop();
    this.#start();
  }

  /** The machine woke up or the network is back: do not wait for the timers to find out. */
  nudge() {
    if (this.state.kind === "waiting") this.tryNow();
    else if (this.connected) this.#beat();
  }

  /** @returns {boolean} whether it went out */
  send(/** @type {object} */ message) {
    const socket = this.#current?.socket;
    if (!socket || socket.readyState !== 1 || !this.connected) return false;
    this.#say(socket, message);
    return true;
  }

  /** Somebody moved whom we do not know: ask for the whole truth, but not all the time. */
  askForWelcome() {
    const now_ms = this.around.now();
    if (this.#version < 2 || now_ms - this.#hello_ms < HELLO_AT_MOST_EVERY_MS) return;
    if (this.send({ action: "hello" })) this.#hello_ms = now_ms;
  }

  #say(/** @type {WebSocket} */ socket, /** @type {object} */ message) {
    const text = JSON.stringify(message);
    socket.send(text);
    this.on.traffic("out", encoder.encode(text).length, this.around.now());
  }

  #become(/** @type {{ kind: State["kind"], why: string, code: number, until_ms?: number }} */ state) {
    this.state = { until_ms: NaN, ...state, tries: this.#tries };
    this.on.state(this.state);
  }

  #stop() {
    for (const timer of [this.#retry, this.#heartbeat, this.#renew]) this.around.cancel(timer);
    this.#retry = this.#heartbeat = this.#renew = null;
    if (this.#next) this.#drop(this.#next);
    this.#next = null;
  }

  /** Hear no more of it. */
  #forget(/** @type {Attempt} */ attempt) {
    for (const timer of attempt.timers) this.around.cancel(timer);
    const socket = attempt.socket;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
  }

  #drop(/** @type {Attempt} */ attempt) {
    this.#forget(attempt);
    if (attempt.socket.readyState < 2) attempt.socket.close(1000, "bye");
  }

  #start() {
    this.#become({ kind: "connecting", why: "", code: 0 });
    try {
      this.#current = this.#attempt();
    } catch (error) {
      // A wrong address, or a page on https asked for ws://: no pause makes that better.
      this.#become({ kind: "refused", why: error instanceof Error ? error.message : String(error), code: 0 });
    }
  }

  /** @returns {Attempt} */
  #attempt() {
    const socket = this.around.open(socketUrl(/** @type {Address} */ (this.address)));
    /** @type {Attempt} */
    const attempt = { socket, welcomed_ms: NaN, complaint: "", complaint_ms: -Infinity, goodbye: 0, timers: [] };
    attempt.timers.push(
      this.around.after(() => {
        if (!Number.isNaN(attempt.welcomed_ms)) return;
        this.#drop(attempt);
        this.#ended(attempt, 1006, "No answer within ten seconds.");
      }, CONNECT_TIMEOUT_MS),
    );
    socket.onopen = () => {
      attempt.timers.push(
        this.around.after(() => {
          if (Number.isNaN(attempt.welcomed_ms) && socket.readyState === 1) this.#say(socket, { action: "hello" });
        }, HELLO_AFTER_MS),
      );
    };
    socket.onmessage = (event) => this.#heard(attempt, event.data);
    socket.onclose = (event) => {
      this.#forget(attempt);
      this.#ended(attempt, event.code, oneLine(event.reason, 120));
    };
    return attempt;
  }

  #heard(/** @type {Attempt} */ attempt, /** @type {unknown} */ data) {
    const now_ms = this.around.now();
    if (typeof data !== "string") return;
    this.on.traffic("in", encoder.encode(data).length, now_ms);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours to mend; the next one will be right
    }
    if (typeof message !== "object" || message === null) return;
    if (attempt === this.#current) this.#heard_ms = now_ms;
    if (message.type === "error") {
      attempt.complaint = oneLine(message.message, 200);
      attempt.complaint_ms = now_ms;
      if (typeof message.close === "number") {
        attempt.goodbye ||= message.close;
        // The lobby closes next; if it dies over that, so do we.
        attempt.timers.push(this.around.after(() => attempt.socket.close(1000, "bye"), GOODBYE_MS));
      }
    }
    if (message.type === "welcome" && Number.isNaN(attempt.welcomed_ms)) this.#welcomed(attempt, message, now_ms);
    if (attempt !== this.#current) return;
    if (message.type === "config") this.#obey(message);
    if (message.type === "pong" && typeof message.t === "number") {
      // Only the answer to the newest ping counts: it alone is known to fractions of a millisecond.
      if (message.t === Math.round(this.#pinged_ms)) this.on.latency(now_ms - this.#pinged_ms);
    }
    this.on.message(message, now_ms);
  }

  #obey(/** @type {any} */ message) {
    for (const key of /** @type {(keyof Connection["config"])[]} */ (Object.keys(this.config))) {
      const value = message[key];
      if (typeof value === "number" && value >= 0 && value < 3_600_000) this.config[key] = value;
    }
  }

  #welcomed(/** @type {Attempt} */ attempt, /** @type {any} */ message, /** @type {number} */ now_ms) {
    attempt.welcomed_ms = now_ms;
    for (const timer of attempt.timers) this.around.cancel(timer);
    if (attempt === this.#next) {
      // It has taken over where we stand. What the old connection says from now on is no news.
      const old = this.#current;
      this.#current = attempt;
      this.#next = null;
      if (old) this.#drop(old);
    }
    this.#version = typeof message.v === "number" ? message.v : 1;
    this.#heard_ms = now_ms;
    this.#pinged_ms = NaN;
    this.#become({ kind: "connected", why: "", code: 0 });
    this.around.cancel(this.#heartbeat);
    this.#beat();
    this.around.cancel(this.#renew);
    // Not all pages of one hour in the same second.
    this.#renew = this.around.after(() => this.#takeOver(), RENEW_MS - this.around.random() * 5 * 60_000);
  }

  #beat() {
    this.around.cancel(this.#heartbeat);
    const attempt = this.#current;
    if (!attempt || !this.connected) return;
    const now_ms = this.around.now();
    if (this.#version >= 2) {
      // Counted from the ping: a page in the background wakes up late, and its messages have been waiting for it.
      if (this.#heard_ms < this.#pinged_ms && now_ms - this.#pinged_ms >= DEAF_MS) {
        this.#drop(attempt);
        this.#ended(attempt, 1006, "Nothing was heard from the lobby any more.");
        return;
      }
      if (!(this.#heard_ms < this.#pinged_ms)) {
        this.#pinged_ms = now_ms;
        this.#say(attempt.socket, { action: "ping", t: Math.round(now_ms) });
      }
    }
    // Where a ping costs money the lobby asks for few of them.
    const pause_ms = Math.max(1_000, this.config.heartbeat_ms <= 60_000 ? Math.min(PING_MS, this.config.heartbeat_ms / 2) : this.config.heartbeat_ms / 4);
    this.#heartbeat = this.around.after(() => this.#beat(), pause_ms);
  }

  #takeOver() {
    if (!this.connected || this.#next) return;
    try {
      this.#next = this.#attempt();
    } catch {
      this.#renew = this.around.after(() => this.#takeOver(), RENEW_AGAIN_MS);
    }
  }

  #ended(/** @type {Attempt} */ attempt, /** @type {number} */ code, /** @type {string} */ reason) {
    const now_ms = this.around.now();
    if (attempt === this.#next) {
      this.#next = null;
      if (this.#current) {
        this.#renew = this.around.after(() => this.#takeOver(), RENEW_AGAIN_MS);
        return;
      }
    } else if (attempt === this.#current) {
      this.#current = null;
      if (this.#next) return; // taken over by ourselves: the successor is on its way
    } else {
      return;
    }
    this.around.cancel(this.#heartbeat);
    this.around.cancel(this.#renew);
    const complaint = now_ms - attempt.complaint_ms < COMPLAINT_MS ? attempt.complaint : "";
    // Not every host can say it by a close code, so it has been said in words before.
    if (attempt.goodbye && !(code >= 4000 && code < 5000)) code = attempt.goodbye;
    const why = complaint || reason || WORDS.get(code) || `The connection was closed (${code}).`;
    if (!mayComeBack(code)) {
      this.#become({ kind: "refused", why, code });
      return;
    }
    if (now_ms - attempt.welcomed_ms >= PROVEN_MS) this.#tries = 0;
    const pause_ms = pauseBefore(this.#tries, this.around.random());
    this.#tries += 1;
    const shown = Number.isNaN(attempt.welcomed_ms) && code === 1006 && !complaint && !reason ? "No lobby answers there." : why;
    this.#become({ kind: "waiting", why: shown, code, until_ms: now_ms + pause_ms });
    this.#retry = this.around.after(() => this.#start(), pause_ms);
  }
}
