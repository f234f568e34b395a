// Drives the state machine of the connection with real sockets and real time.
//
// Beyond the state machine it does this: it connects as another player only after the lobby has closed the old connection, and
// it explains an address that is not valid.

import { PID_PATTERN, socketUrl } from "./address.js";
import { Connection } from "./connection.js";
import { HELLO_EVERY_MS } from "./constants.js";
import { encodeHello, encodePosition } from "./messages.js";
import { PageSocket } from "./socket.js";

/** The round trip shown is the best of so many: a busy page measures longer ones. */
const ROUND_TRIPS = 3;

/**
 * @typedef {import("./address.js").Address} Address
 * @typedef {import("./messages.js").Message} Message
 *
 * @typedef {object} Status the state of the connection, for the page
 * @property {import("./connection.js").State} kind
 * @property {string} why      the reason, for people; "": none
 * @property {string} code     the error; "": none
 * @property {number} until_ms waiting: when it tries again
 * @property {number} tries    failed attempts since the last connection
 *
 * @typedef {object} Listener
 * @property {(status: Status) => void} status the state changed
 * @property {(message: Message, now_ms: number, is_busy: boolean) => void} message
 * @property {(direction: "in" | "out", bytes: number, now_ms: number) => void} [traffic]
 *
 * @typedef {object} Surroundings
 * @property {(url: string) => WebSocket} open
 * @property {() => number} now
 * @property {() => number} random
 * @property {(heartbeat_ms: number) => number} [pingInterval] how often to ping a lobby that asks for `heartbeat_ms`
 */

/** @type {Surroundings} */
const PAGE = { open: (url) => new WebSocket(url), now: () => performance.now(), random: Math.random };

export class Client {
  /** @type {Status} */
  status = { kind: "closed", why: "", code: "", until_ms: NaN, tries: 0 };
  /** @type {Address | null} */
  address = null;

  #on;
  #around;
  #connection;
  #why = "";
  #code = "";
  #tries = 0;
  /** The URL to open once the lobby has closed the old connection. */
  #pending_url = "";
  /** The browser's reason not to open a socket. */
  #invalid = "";
  #hello_ms = -Infinity;
  #measured_ms = NaN;
  /** @type {number[]} */
  #round_trips_ms = [];

  /**
   * @param {Listener} on
   * @param {Partial<Surroundings>} [surroundings]
   */
  constructor(on, surroundings = {}) {
    this.#on = on;
    this.#around = { ...PAGE, ...surroundings };
    this.#connection = new Connection({
      newSocket: (url) => this.#newSocket(url),
      random: this.#around.random,
      ...(this.#around.pingInterval && { pingInterval: this.#around.pingInterval }),
      on: {
        connected: () => {
          this.#note("", "", 0);
          this.#report();
        },
        disconnected: (reason) => this.#note(reason, "", this.#tries + 1),
        refused: (code, reason) => this.#note((code === "bad_address" && this.#invalid) || reason, code, this.#tries),
        message: (message, now_ms, is_busy) => on.message(message, now_ms, is_busy),
      },
    });
  }

  get is_connected() {
    return this.#connection.state === "connected";
  }

  /** The socket that sends now; null without a connection. After a takeover it is another one. */
  get socket() {
    return this.#connection.socket;
  }

  /** The version of the protocol that the lobby speaks. */
  get version() {
    return this.#connection.version;
  }

  /** Shortest interval between two positions, in ms, as the lobby asks for. */
  get send_ms() {
    return this.#connection.config.send_ms;
  }

  /** The best of the last round trips, in ms; NaN: not measured. */
  get round_trip_ms() {
    return this.#round_trips_ms.length > 0 ? Math.min(...this.#round_trips_ms) : NaN;
  }

  /** Connects: for the first time, to another lobby or room, or under another name. */
  connect(/** @type {Address} */ address) {
    const now_ms = this.#around.now();
    this.address = address;
    this.#connection.close(now_ms);
    this.#note("", "", 0);
    this.#pending_url = "";
    try {
      this.#pending_url = socketUrl(address);
    } catch (error) {
      this.#note(error instanceof Error ? error.message : String(error), "bad_address", 0);
    }
    this.poll();
  }

  /** Disconnects, until `connect` or `tryNow`. */
  close() {
    this.#pending_url = "";
    this.#connection.close(this.#around.now());
    this.#note("", "", 0);
    this.poll();
  }

  /** Ends the pause before the next attempt. After a refusal or a disconnect it connects again. */
  tryNow() {
    if (this.status.kind === "waiting") this.nudge();
    else if (this.address && (this.status.kind === "refused" || this.status.kind === "closed")) this.connect(this.address);
  }

  /** The device woke up, or the network is back: retry or ping at once. */
  nudge() {
    this.#connection.nudge(this.#around.now());
    this.poll();
  }

  /** The network is gone: the connection is lost, although its socket does not know that yet. */
  lose(/** @type {string} */ reason) {
    this.#connection.lose(reason, this.#around.now());
    this.poll();
  }

  /** For how long the lobby has not answered, in ms; 0: it answers. */
  get silent_ms() {
    return this.#connection.silentFor(this.#around.now());
  }

  /** The next connection has this name. */
  rename(/** @type {string} */ name) {
    if (this.address) this.#change({ ...this.address, name });
  }

  /** The lobby has given the player an id: the next connection has it, too. */
  identify(/** @type {string} */ pid) {
    if (this.address && !this.address.pid && PID_PATTERN.test(pid)) this.#change({ ...this.address, pid });
  }

  #change(/** @type {Address} */ address) {
    this.address = address;
    this.#connection.url = socketUrl(address);
  }

  /** @returns {boolean} whether the text was sent */
  send(/** @type {string} */ text) {
    return this.#connection.send(text);
  }

  /** Sends a position, and repeats it until the lobby has it. @returns {boolean} whether it was sent */
  sendPosition(/** @type {import("./messages.js").Position} */ position) {
    return this.#connection.sendPosition(encodePosition(position), position.seq, this.#around.now());
  }

  /** Asks which players are in the room, at most every HELLO_EVERY_MS: a player moved that is not known. */
  requestWelcome() {
    const now_ms = this.#around.now();
    if (this.#connection.version < 2 || now_ms - this.#hello_ms < HELLO_EVERY_MS) return;
    if (this.send(encodeHello())) this.#hello_ms = now_ms;
  }

  /** Moves the connection on. To be called every frame, with every tick of the worker, and when a socket changes. */
  poll() {
    const now_ms = this.#around.now();
    this.#connection.poll(now_ms);
    if (this.#pending_url && !this.#connection.is_leaving) {
      // A new name is announced by a `join`, and the lobby sends it only after the old connection has left.
      const url = this.#pending_url;
      this.#pending_url = "";
      this.#connection.open(url, now_ms);
    }
    this.#measure();
    this.#report();
  }

  #newSocket(/** @type {string} */ url) {
    this.#invalid = "";
    const { open, now } = this.#around;
    try {
      const { traffic } = this.#on;
      const counted = traffic && { traffic: (/** @type {"in" | "out"} */ way, /** @type {number} */ bytes) => traffic(way, bytes, now()) };
      return new PageSocket(url, { changed: () => this.poll(), ...counted }, open);
    } catch (error) {
      this.#invalid = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  #note(/** @type {string} */ why, /** @type {string} */ code, /** @type {number} */ tries) {
    [this.#why, this.#code, this.#tries] = [why, code, tries];
  }

  #measure() {
    const { round_trip_ms, state } = this.#connection;
    if (state !== "connected") this.#round_trips_ms = [];
    else if (round_trip_ms !== this.#measured_ms && !Number.isNaN(round_trip_ms)) {
      this.#round_trips_ms = [...this.#round_trips_ms.slice(1 - ROUND_TRIPS), round_trip_ms];
    }
    this.#measured_ms = round_trip_ms;
  }

  #report() {
    const { state, retry_at_ms } = this.#connection;
    let kind = state;
    if (state === "closed" && this.#pending_url) kind = "connecting";
    else if (state === "closed" && this.#code) kind = "refused"; // the address is not valid
    const why = kind === "waiting" || kind === "refused" ? this.#why : "";
    const until_ms = kind === "waiting" ? retry_at_ms : NaN;
    const before = this.status;
    this.status = { kind, why, code: this.#code, until_ms, tries: this.#tries };
    const is_same = before.kind === kind && before.why === why && Object.is(before.until_ms, until_ms);
    if (!is_same) this.#on.status(this.status);
  }
}
