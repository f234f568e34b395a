// A player's connection to a lobby: which players are in the room, and where they are.
//
//   const lobby = new Lobby("ws://127.0.0.1:8765/", { player: "ann" });
//   lobby.on("joined", (player) => console.log(player.name));
//   lobby.move(12.5, 8.3);
//
// The client stays the same player through everything that a network does: it reconnects by itself after a pause, takes over its
// own player before a connection is cut, and reports differences only.

import { roomsUrl, socketUrl } from "./address.js";
import { Client } from "./client.js";
import { CLOCK_MODULUS_MS, SLOW_DOWN_MS } from "./constants.js";
import { combine, isSame, merge } from "./data.js";
import { encodeData, encodeEvent, encodeName, encodeStatus } from "./messages.js";
import { Player, Roster } from "./roster.js";
import { SendPolicy } from "./send_policy.js";
import { everyTick, followPage, pageAddress } from "./surroundings.js";

export { Player };

/** After `close` the client waits so long for the lobby's answer, in ms. */
const LEAVING_MS = 2_500;

/**
 * @typedef {import("./client.js").Status} Status
 * @typedef {import("./data.js").Data} Data
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./motion.js").Motion} Motion
 *
 * @typedef {object} Options
 * @property {string} [player] id of the player: 1 to 64 of `A-Z a-z 0-9 _ . : | @ -`. Without it, the lobby gives one
 * @property {string} [room]   room to enter. Default: the lobby's default room
 * @property {string} [name]   name to show to other players: up to 32 characters. Default: the id
 * @property {string} [token]  token that the backend of your game has signed
 * @property {Data} [data]     the player's own data, which the other players receive
 * @property {boolean} [watch] receive everything, and be no player
 * @property {new (url: string) => WebSocket} [WebSocket] the class of `ws`, for Node before 22. Default: that of the platform
 * @property {() => number} [now]    a clock in ms. Default: `performance.now`
 * @property {() => number} [random] numbers from 0 to 1, for pauses. Default: `Math.random`
 *
 * @typedef {object} Events
 * @property {(me: Me) => void} connected       the lobby welcomed the player, for the first time or after a disconnect
 * @property {(reason: string) => void} disconnected the connection is gone. The client reconnects by itself
 * @property {(code: string, reason: string) => void} refused the lobby refuses this player, and there is no further attempt
 * @property {(player: Player, was_here: boolean) => void} joined a player came, or was here already when you came
 * @property {(player: Player) => void} left    a player left
 * @property {(player: Player) => void} moved   a player has a new position
 * @property {(player: Player) => void} changed a player has another name, status or data
 * @property {(event: string, data: Data, player: string) => void} event a player sent an event; its id is "" for an operator
 * @property {(code: string, message: string) => void} error the lobby refused one message of yours, and changed nothing
 * @property {(me: Me) => void} me              your own status or data changed, or the lobby put you to another place
 *
 * @typedef {object} Me your own player, as the lobby knows it
 * @property {string} id     "": no welcome yet
 * @property {string} status
 * @property {Data} data
 * @property {{ x: number, y: number, z: number } | null} place where the lobby had you when it welcomed you, or has put you
 *   after a move that it refused; null: nowhere
 *
 * @typedef {object} RoomInfo a room in a list
 * @property {string} name
 * @property {number} players
 * @property {number} size
 */

export class Lobby {
  /** Your own player, as the lobby knows it. @type {Me} */
  me = { id: "", status: "", data: {}, place: null };
  /** The state of the connection. @type {Status} */
  status = { kind: "closed", why: "", code: "", until_ms: NaN, tries: 0 };

  #roster = new Roster();
  #policy = new SendPolicy();
  #client;
  #now;
  /** @type {Map<string, Set<(...values: any[]) => void>>} */
  #listeners = new Map();
  /** The own movement, and whether the game has set it since it was sent. @type {Motion | null} */
  #motion = null;
  #is_fresh = false;
  #moved_ms = 0;
  #seq = 0;
  #event_seq = 0;
  /** @type {string | null} */
  #status_text = null;
  /** All changes of the own data, as one. @type {Data} */
  #patch;
  #is_new = true;
  /** The socket that the lobby has welcomed. @type {import("./attempt.js").Socket | null} */
  #welcomed_by = null;
  /** When to send again what the lobby has dropped. */
  #repeat_at_ms = Infinity;
  /** The constructor will connect. */
  #is_beginning = true;
  #stopTicks = () => {};
  #leavePage = () => {};
  #address;

  /**
   * Connects at once, and stays connected until `close`. Add listeners right after `new Lobby`: no event comes before.
   * @param {string} url `ws://` or `wss://`. In a page, "/" is the lobby that has served it
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    const { player = "", room = "", name = "", token = "", data = {}, watch = false, WebSocket: Socket, now, random } = options;
    this.#now = now ?? (() => performance.now());
    this.#patch = data;
    this.#client = new Client(
      { status: (status) => this.#stateChanged(status), message: this.#receive.bind(this) },
      { now: this.#now, ...(random && { random }), ...(Socket && { open: (to) => new Socket(to) }) },
    );
    this.#address = { url: absolute(url), room, pid: player, name, token, watch };
    queueMicrotask(() => {
      if (this.#is_beginning) this.connect();
    });
  }

  /**
   * Connects again: after `close`, after a refusal, to another room, or as another player.
   * @param {{ url?: string, player?: string, room?: string, name?: string, token?: string }} [changes] what is different now
   */
  connect(changes = {}) {
    this.#is_beginning = false;
    const before = this.#address;
    const { url, player = before.pid, room = before.room, name = before.name, token = before.token } = changes;
    this.#address = { ...before, url: url === undefined ? before.url : absolute(url), pid: player, room, name, token };
    if (this.#address.url !== before.url || this.#address.room !== before.room) this.#leaveRoom();
    this.#stop();
    this.#stopTicks = everyTick(() => this.poll());
    this.#leavePage = followPage({
      wake: () => this.#client.nudge(),
      offline: () => this.#client.lose("the network is gone"),
      leave: () => this.#client.close(),
      comeBack: () => this.connect(),
    });
    this.#client.connect(this.#address);
  }

  /** Ends the pause before the next attempt. After a refusal or `close` it connects again. */
  retry() {
    if (this.status.kind === "waiting") this.#client.nudge();
    else if (this.status.kind === "refused" || this.status.kind === "closed") this.connect();
  }

  /** Leaves the lobby. */
  close() {
    this.#is_beginning = false;
    this.#leavePage();
    this.#client.close();
    for (const player of this.#roster.clear()) this.#emit("left", player);
    // The lobby's answer to the close is awaited for a moment.
    setTimeout(() => {
      if (this.status.kind === "closed") this.#stop();
    }, LEAVING_MS);
  }

  /**
   * Calls `listener` at each event of this kind; see `Events`.
   * @template {keyof Events} Kind
   * @param {Kind} kind
   * @param {Events[Kind]} listener
   * @returns {() => void} ends it
   */
  on(kind, listener) {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** The other players of the room, by id. @returns {ReadonlyMap<string, Player>} */
  get players() {
    return this.#roster.players;
  }

  /** Whether messages can be sent now. */
  get is_connected() {
    return this.#client.is_connected;
  }

  /** The best of the last round trips, in ms; NaN: not measured. */
  get round_trip_ms() {
    return this.#client.round_trip_ms;
  }

  /** For how long the lobby has not answered, in ms; 0: it answers. */
  get silent_ms() {
    return this.#client.silent_ms;
  }

  /**
   * Sets your position. Call it as often as you like, for example each frame: a position is sent when the other players could
   * not predict it, no sooner than the lobby asks for, and always the last one.
   * @param {number} x units of your game
   * @param {number} y
   * @param {{ vx?: number, vy?: number, h?: number, z?: number, vz?: number }} [more] velocity in units per second, heading in
   *   radians, height
   */
  move(x, y, { vx = 0, vy = 0, h = 0, z = 0, vz = 0 } = {}) {
    if (![x, y, vx, vy, h, z, vz].every(Number.isFinite)) throw new RangeError(`not a position: ${x}, ${y}, ${z} (${vx}, ${vy}, ${vz}; ${h})`);
    if (!this.#motion) this.#policy.request();
    this.#motion = { x, y, vx, vy, h, z, vz };
    // The time is taken here: the others draw the movement by it, and the message may have to wait.
    this.#moved_ms = this.#now();
    this.#is_fresh = true;
    this.#sendPosition();
  }

  /** Shows a text above your player: up to 32 characters. "" removes it. */
  setStatus(/** @type {string} */ status) {
    this.#status_text = status;
    this.#send(encodeStatus(status));
  }

  /** Changes your name; "" shows your id instead. */
  setName(/** @type {string} */ name) {
    this.#address = { ...this.#address, name };
    this.#client.rename(name);
    this.#send(encodeName(name));
  }

  /**
   * Changes your data, which the other players receive: a JSON merge patch (RFC 7396). Null removes a key.
   * `lobby.setData({ team: "red", hat: null })`
   */
  setData(/** @type {Data} */ patch) {
    this.#patch = combine(this.#patch, patch);
    this.#send(encodeData(patch));
  }

  /**
   * Sends an event to one player, or to all others in the room. It is stored nowhere.
   * @param {string} event 1 to 32 of `A-Z a-z 0-9 _ . : -`
   * @param {Data} [data]
   * @param {string} [to] id of a player. Default: all others
   * @returns {boolean} whether it was sent; false without a connection
   */
  send(event, data = {}, to = "") {
    const is_sent = this.#send(encodeEvent(event, data, to, this.#event_seq + 1));
    if (is_sent) this.#event_seq += 1;
    return is_sent;
  }

  /** The rooms of the lobby, if it lists them (`--list-rooms`). @returns {Promise<RoomInfo[]>} */
  async rooms() {
    const rooms = [];
    for (let after = ""; after || rooms.length === 0; ) {
      const answer = await fetch(roomsUrl(this.#address, 1_000, after));
      if (!answer.ok) throw new Error(`the lobby does not list its rooms: HTTP ${answer.status} ${(await answer.text()).trim()}`);
      const page = await answer.json();
      rooms.push(...page.rooms);
      after = page.next ?? "";
      if (page.rooms.length === 0) break;
    }
    return rooms;
  }

  /** Moves everything on. The client calls it by itself; a game may call it each frame, to receive a little sooner. */
  poll() {
    this.#client.poll();
    const now_ms = this.#now();
    for (const player of this.#roster.expire(now_ms)) this.#emit("left", player);
    if (now_ms >= this.#repeat_at_ms) this.#repeat();
    this.#sendPosition();
  }

  #stop() {
    this.#stopTicks();
    this.#leavePage();
  }

  #leaveRoom() {
    for (const player of this.#roster.clear()) this.#emit("left", player);
    this.me = { id: "", status: "", data: {}, place: null };
    [this.#motion, this.#is_fresh, this.#seq] = [null, false, 0];
  }

  /** @returns {boolean} whether it was sent. A watcher cannot send, and a lobby of version 1 knows none of it. */
  #send(/** @type {string} */ text) {
    return !this.#address.watch && this.#client.version >= 2 && this.#client.send(text);
  }

  /** Sends again what the lobby does not have: it dropped the message, or there was no connection. */
  #repeat() {
    this.#repeat_at_ms = Infinity;
    const { status, data } = this.me;
    if (this.#status_text !== null && this.#status_text !== status) this.#send(encodeStatus(this.#status_text));
    if (!isSame(merge(data, this.#patch), data)) this.#send(encodeData(this.#patch));
  }

  #sendPosition() {
    const now_ms = this.#now();
    const motion = this.#motion;
    if (!motion || this.#address.watch || !this.#welcomed_by || this.#welcomed_by !== this.#client.socket) return;
    if (!this.#is_fresh && this.#policy.is_known) return;
    if (!this.#policy.due(motion, now_ms, this.#client.send_ms, this.#moved_ms)) return;
    const t = Math.round(this.#moved_ms) % CLOCK_MODULUS_MS;
    const position = { ...motion, z: motion.z ?? 0, vz: motion.vz ?? 0, seq: this.#seq + 1, t };
    if (!this.#client.sendPosition(position)) return;
    this.#seq += 1;
    this.#is_fresh = false;
    this.#policy.sent(motion, now_ms, this.#moved_ms);
  }

  #stateChanged(/** @type {Status} */ status) {
    const before = this.status;
    this.status = status;
    if (status.kind === before.kind && status.kind !== "waiting") return;
    if (status.kind !== "connected") {
      [this.#is_new, this.#repeat_at_ms] = [true, Infinity];
      this.#policy.forget();
      if (before.kind === "connected") this.#roster.cut();
    }
    if (status.kind === "waiting") this.#emit("disconnected", status.why);
    if (status.kind === "refused") this.#emit("refused", status.code, status.why);
  }

  #receive(/** @type {Message} */ message, /** @type {number} */ now_ms, /** @type {boolean} */ is_busy) {
    const is_first = this.#roster.me === "";
    const change = this.#roster.apply(message, now_ms, is_busy);
    if (message.type === "welcome") this.#welcomed(message);
    for (const player of change.left) this.#emit("left", player);
    for (const player of change.joined) this.#emit("joined", player, is_first);
    for (const player of change.placed) if (!change.joined.includes(player)) this.#emit("moved", player);
    for (const { player } of change.moved) this.#emit("moved", player);
    for (const player of change.changed) this.#emit("changed", player);
    if (change.has_unknown) this.#client.requestWelcome();
    if (message.type === "event") this.#emit("event", message.event, message.data, message.id);
    if (message.type === "error") this.#refused(message, now_ms);
    if ((message.type === "status" || message.type === "data") && message.id === this.me.id) {
      this.me = message.type === "status" ? { ...this.me, status: message.status } : { ...this.me, data: message.data };
      this.#emit("me", this.me);
    }
    this.#sendPosition();
  }

  #welcomed(/** @type {import("./messages.js").Welcome} */ welcome) {
    // Positions count on from where the lobby has counted, or it would take them for old ones.
    this.#seq = Math.max(this.#seq, welcome.position.seq);
    const { x, y, z = 0, seq } = welcome.position;
    this.me = { id: welcome.your_id, status: welcome.status, data: welcome.data, place: seq > 0 ? { x, y, z } : null };
    // A player that came without an id keeps the one that it was given.
    if (!welcome.watch) this.#client.identify(welcome.your_id);
    if (this.#welcomed_by !== this.#client.socket) {
      // Each connection counts its events from 1, also one that has taken over.
      [this.#welcomed_by, this.#event_seq] = [this.#client.socket, 0];
      this.#repeat();
    }
    if (!this.#is_new) return;
    this.#is_new = false;
    if (this.#motion) this.#policy.request();
    this.#emit("connected", this.me);
  }

  #refused(/** @type {import("./messages.js").ErrorMessage} */ error, /** @type {number} */ now_ms) {
    if (error.place) {
      this.me = { ...this.me, place: error.place };
      this.#motion = { ...error.place, vx: 0, vy: 0, h: this.#motion?.h ?? 0, vz: 0 };
      this.#policy.sent(this.#motion, now_ms);
      this.#emit("me", this.me);
    }
    if (error.code === "rate_limited") {
      // The lobby has dropped a message, and until then it drops every further one as well.
      this.#repeat_at_ms = now_ms + SLOW_DOWN_MS;
      this.#policy.request(this.#repeat_at_ms);
    }
    this.#emit("error", error.code, error.message);
  }

  /** @template {keyof Events} Kind @param {Kind} kind @param {Parameters<Events[Kind]>} values */
  #emit(kind, ...values) {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listener(...values);
      } catch (error) {
        // A bug of the game is reported as such, and the client goes on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** An address relative to the page, such as "/", as a whole one. Others stay as they are. */
function absolute(/** @type {string} */ url) {
  const page = pageAddress();
  return page && /^[./]/.test(url) ? new URL(url, page).href : url;
}
