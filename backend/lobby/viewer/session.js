// One player in a lobby: the client, the room, the own ship, and what is announced. It needs no page: the browser's sockets
// and clock can be replaced.

import { Announcements } from "./announcements.js";
import { Client } from "../client/client.js";
import { encodeName, encodeStatus } from "../client/messages.js";
import { OwnShip } from "./own_ship.js";
import { Room } from "./room.js";
import { Traffic } from "./traffic.js";

/** The page pings this often, so that the round trip on the page is fresh. */
const PING_MS = 5_000;
/** A lobby that asks for longer heartbeats is charged for each ping: the page pings no more often. */
const LONG_HEARTBEAT_MS = 60_000;

const pingInterval = (/** @type {number} */ heartbeat_ms) => (heartbeat_ms <= LONG_HEARTBEAT_MS ? Math.min(PING_MS, heartbeat_ms) : heartbeat_ms);

/**
 * @typedef {import("./address.js").Address} Address
 *
 * @typedef {object} Listener
 * @property {(status: import("../client/client.js").Status) => void} status the state of the connection changed
 * @property {() => void} entered the room is known: the first welcome of a connection has arrived
 * @property {() => void} changed something changed that must be drawn
 * @property {() => void} newRoom another room or another lobby begins
 * @property {(now_ms: number) => boolean} isBusy whether a message that arrives now may have waited for the page
 */

export class Session {
  client;
  own = new OwnShip();
  room = new Room();
  traffic = new Traffic();
  announcements = new Announcements();
  #on;
  /** What is known of a new connection: its status and its welcome come in either order. */
  #entering = { is_connected: false, is_welcomed: false };

  /**
   * @param {Listener} on
   * @param {Partial<import("../client/client.js").Surroundings>} [surroundings]
   */
  constructor(on, surroundings = {}) {
    this.#on = on;
    const listener = {
      status: (/** @type {import("../client/client.js").Status} */ status) => this.#statusChanged(status),
      message: this.#receive.bind(this),
      traffic: this.traffic.count.bind(this.traffic),
    };
    this.client = new Client(listener, { pingInterval, ...surroundings });
  }

  /** The own player's name; "": its id. */
  get name() {
    return this.client.address?.name ?? "";
  }

  /** The id of the own player; "": no welcome yet. */
  get me() {
    return this.room.roster.me;
  }

  /** Whether the page only watches: it is no player. */
  get is_watching() {
    return this.client.address?.watch === true;
  }

  /** How many players are here. */
  get count() {
    return this.room.roster.players.size + (this.me && !this.is_watching ? 1 : 0);
  }

  /** Connects to another lobby or room, or under another name. */
  connect(/** @type {Address} */ address) {
    const before = this.client.address;
    if (before && (before.url !== address.url || before.room !== address.room)) {
      this.#on.newRoom();
      this.room = new Room();
      this.own.leaveRoom();
    }
    this.client.connect(address);
  }

  /** Changes the name of the own player, without leaving. */
  setName(/** @type {string} */ name) {
    this.client.rename(name);
    this.client.send(encodeName(name));
    this.#on.changed();
  }

  setStatus(/** @type {string} */ status) {
    this.own.setStatus(status);
    this.client.send(encodeStatus(this.own.status));
  }

  /** Moves the connection on, and sends the own position if it is due. */
  poll(/** @type {number} */ now_ms) {
    this.client.poll();
    const left = this.room.expire(now_ms);
    if (left.length > 0) {
      this.announcements.left(left);
      this.#on.changed();
    }
    this.#sendPosition(now_ms);
  }

  /** The page is hidden: no person steers the ship. */
  rest(/** @type {number} */ now_ms) {
    this.own.stop();
    this.#sendPosition(now_ms);
  }

  #sendPosition(/** @type {number} */ now_ms) {
    if (!this.client.is_connected || this.is_watching) return;
    const position = this.own.due(now_ms, this.client.send_ms);
    if (position && this.client.sendPosition(position)) this.own.sent(now_ms);
  }

  #statusChanged(/** @type {import("../client/client.js").Status} */ status) {
    if (status.kind !== "connected") {
      this.own.disconnected();
      this.room.cut();
    }
    const is_connected = status.kind === "connected";
    this.#entering = { is_connected, is_welcomed: is_connected && this.#entering.is_welcomed };
    this.#on.status(status);
    this.#enter();
    this.#on.changed();
  }

  /** Reports once that the room is known. */
  #enter() {
    if (!this.#entering.is_connected || !this.#entering.is_welcomed) return;
    this.#entering = { is_connected: false, is_welcomed: false };
    this.#on.entered();
  }

  #receive(/** @type {import("../client/messages.js").Message} */ message, /** @type {number} */ now_ms, /** @type {boolean} */ is_busy) {
    const is_first_welcome = this.me === "";
    const change = this.room.apply(message, now_ms, is_busy || this.#on.isBusy(now_ms));
    if (!is_first_welcome) {
      this.announcements.joined(change.joined);
      this.announcements.left(change.left);
    }
    if (change.has_unknown) this.client.requestWelcome();
    if (message.type === "error") this.own.refused(message, now_ms);
    if (message.type === "event") this.room.noteEvent(message.id, message.event, now_ms);
    if (message.type === "welcome") {
      if (!message.watch) this.own.welcomed(message.your_id, message.position);
      if (this.own.status && !message.watch) this.client.send(encodeStatus(this.own.status));
      this.#entering.is_welcomed = true;
      this.#enter();
    }
    this.#sendPosition(now_ms);
    this.#on.changed();
  }
}
