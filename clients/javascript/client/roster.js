// The players of the room: messages in, differences out. No I/O; time is an argument.
//
// A `welcome` replaces what was known. It is compared with that, and only the differences are reported: after a short disconnect
// no player leaves and joins again. When the lobby restarts, the players reconnect one after the other: a player that the first
// `welcome` after a disconnect does not list is kept for GRACE_MS.

import { GRACE_MS, ROSTER_MOST } from "./constants.js";
import { Track } from "./track.js";

/**
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./messages.js").PlayerEntry} PlayerEntry
 * @typedef {import("./messages.js").Position} Position
 * @typedef {import("./messages.js").Data} Data
 *
 * @typedef {object} Change what a message changed
 * @property {Player[]} joined
 * @property {Player[]} left
 * @property {Player[]} placed have a new position (from a welcome or a join)
 * @property {{ player: Player, position: Position, server_ms: number }[]} moved `server_ms`: the server's clock; 0: not given
 * @property {Player[]} changed have another name, status or data
 * @property {boolean} has_unknown an unknown player moved: the client should ask for a welcome
 */

/** Another player of the room. It stays the same object as long as the player stays. */
export class Player {
  id;
  /** Number in the room; 0: the lobby gave none (version 1). */
  n = 0;
  name = "";
  status = "";
  /** The player's own data: a JSON object of your game. @type {Data} */
  data = {};
  /** The last position that was received. To draw the player smoothly, use `at`. @type {Position} */
  position = { x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: 0, t: 0, z: 0, vz: 0 };
  /** When that was, on the clock of the client, in ms. */
  seen_ms = 0;
  #track = new Track();

  constructor(/** @type {string} */ id) {
    this.id = id;
  }

  /** Whether the player has sent a position. A player that has just joined may not have sent one yet. */
  get has_position() {
    const { x, y, seq } = this.position;
    return seq > 0 || x !== 0 || y !== 0;
  }

  /**
   * Where to draw the player in this frame: smooth, and some hundred ms in the past. Null: it has no position yet. Call it once a
   * frame, with rising times of `performance.now()`.
   * @param {number} now_ms
   */
  at(now_ms) {
    return this.#track.at(now_ms);
  }

  /** @param {PlayerEntry} entry @param {number} server_ms @param {number} now_ms @param {boolean} is_busy */
  place(entry, server_ms, now_ms, is_busy) {
    this.position = entry.position;
    // It is drawn from its first position on, so that it does not leap there.
    if (this.has_position) this.#track.place(entry.position, entry.age, server_ms, now_ms, is_busy);
  }

  /** @param {Position} position @param {number} server_ms @param {number} now_ms @param {boolean} is_busy */
  move(position, server_ms, now_ms, is_busy) {
    this.position = { ...position, seq: position.seq || this.position.seq };
    this.seen_ms = now_ms;
    this.#track.add(position, server_ms, now_ms, is_busy);
  }
}

export class Roster {
  /** Id of the own player; "": no welcome yet. */
  me = "";
  /** The own player's number. */
  n = 0;
  /** The other players, by id. @type {Map<string, Player>} */
  players = new Map();
  /** Whether the connection was lost, so that players may be missing in the next welcome. */
  was_cut = false;
  /** Ids by number. @type {Map<number, string>} */
  #ids = new Map();
  /** When players that a welcome did not list are removed, by id. @type {Map<string, number>} */
  #missing = new Map();

  /** The connection was lost. */
  cut() {
    this.was_cut = this.me !== "";
  }

  /** Removes the players that were missing for too long. @returns {Player[]} those players */
  expire(/** @type {number} */ now_ms) {
    const gone = [...this.#missing].filter(([, until_ms]) => now_ms >= until_ms);
    return gone.flatMap(([id]) => this.#remove(id));
  }

  /** Removes all players, because the client has left. @returns {Player[]} those players */
  clear() {
    this.me = "";
    return [...this.players.keys()].flatMap((id) => this.#remove(id));
  }

  /**
   * Applies a message.
   * @param {Message} message
   * @param {number} now_ms the clock of the client
   * @param {boolean} [is_busy] the message may have waited for the client, not for the network
   */
  apply(message, now_ms, is_busy = false) {
    /** @type {Change} */
    const change = { joined: [], left: [], placed: [], moved: [], changed: [], has_unknown: false };
    switch (message.type) {
      case "welcome":
        this.#replace(message, now_ms, is_busy, change);
        break;
      case "join":
        this.#join(message.player, now_ms, is_busy, change);
        break;
      case "leave":
        change.left = this.#remove(message.id);
        break;
      case "changes":
        change.left = message.left.flatMap((id) => this.#remove(id));
        for (const player of message.joined) this.#join(player, now_ms, is_busy, change);
        break;
      case "moves":
        for (const { n, position } of message.entries) {
          if (n !== this.n) this.#move(this.#ids.get(n) ?? "", position, message.t, now_ms, is_busy, change);
        }
        break;
      case "pos":
        if (message.id !== this.me) this.#move(message.id, message.position, 0, now_ms, is_busy, change);
        break;
      case "status":
        this.#set(message.id, { status: message.status }, change);
        break;
      case "data":
        this.#set(message.id, { data: message.data }, change);
        break;
    }
    return change;
  }

  /** @param {import("./messages.js").Welcome} welcome @param {number} now_ms @param {boolean} is_busy @param {Change} change */
  #replace(welcome, now_ms, is_busy, change) {
    this.me = welcome.your_id;
    this.n = welcome.n;
    const here = new Map(welcome.players.filter(({ id }) => id !== this.me).map((entry) => [entry.id, entry]));
    let free = ROSTER_MOST - here.size;
    for (const player of [...this.players.values()]) {
      if (here.has(player.id)) continue;
      const until_ms = this.#missing.get(player.id) ?? (this.was_cut ? now_ms + GRACE_MS : undefined);
      if (until_ms === undefined || player.id === this.me || free-- <= 0) change.left.push(...this.#remove(player.id));
      else this.#missing.set(player.id, until_ms);
    }
    this.was_cut = false;
    this.#ids.clear();
    for (const entry of here.values()) this.#update(entry, welcome.t, now_ms, is_busy, change);
  }

  /** @param {PlayerEntry} entry @param {number} now_ms @param {boolean} is_busy @param {Change} change */
  #join(entry, now_ms, is_busy, change) {
    const known = this.players.get(entry.id);
    if (entry.id === this.me || (!known && this.players.size >= ROSTER_MOST)) return;
    // A repeated join is right as well, but its position may be older than the known one.
    const is_here = known && !this.#missing.has(entry.id);
    const is_older = is_here && known.n === entry.n && known.position.seq > entry.position.seq;
    if (known) this.#forgetNumber(known);
    this.#update(is_older ? { ...entry, position: known.position } : entry, 0, now_ms, is_busy, change);
  }

  /** Adds a player, or updates all that is known of it. @param {PlayerEntry} entry @param {number} server_ms @param {number} now_ms @param {boolean} is_busy @param {Change} change */
  #update(entry, server_ms, now_ms, is_busy, change) {
    const { id, n, name, status, data } = entry;
    if (n !== 0) this.#ids.set(n, id);
    const known = this.players.get(id);
    const player = known ?? new Player(id);
    const is_missing = this.#missing.delete(id);
    const { x, y, z, seq } = entry.position;
    // A player that has just reconnected has not sent a position yet.
    const has_none = is_missing && seq === 0 && x === 0 && y === 0;
    const is_elsewhere = player.position.x !== x || player.position.y !== y || player.position.z !== z;
    if (known && (known.name !== name || known.status !== status || !isSame(known.data, data))) change.changed.push(player);
    Object.assign(player, { n, name, status, data, seen_ms: now_ms });
    if (!known) {
      this.players.set(id, player);
      change.joined.push(player);
    }
    if (has_none) return;
    if (!known || is_elsewhere) {
      player.place(entry, server_ms, now_ms, is_busy);
      change.placed.push(player);
    } else {
      player.position = entry.position;
    }
  }

  /** @param {string} id @param {Position} position @param {number} server_ms @param {number} now_ms @param {boolean} is_busy @param {Change} change */
  #move(id, position, server_ms, now_ms, is_busy, change) {
    const player = this.players.get(id);
    if (!player) {
      change.has_unknown = true;
    } else if (position.seq === 0 || position.seq > player.position.seq) {
      player.move(position, server_ms, now_ms, is_busy);
      change.moved.push({ player, position, server_ms });
    }
  }

  /** @param {string} id @param {{ status?: string, data?: Data }} values @param {Change} change */
  #set(id, values, change) {
    const player = this.players.get(id);
    if (!player) return;
    Object.assign(player, values);
    change.changed.push(player);
  }

  /** @returns {Player[]} */
  #remove(/** @type {string} */ id) {
    const player = this.players.get(id);
    if (!player) return [];
    this.players.delete(id);
    this.#missing.delete(id);
    this.#forgetNumber(player);
    return [player];
  }

  /** After a restart of the lobby another player may have the number. */
  #forgetNumber(/** @type {Player} */ player) {
    if (this.#ids.get(player.n) === player.id) this.#ids.delete(player.n);
  }
}

const isSame = (/** @type {Data} */ one, /** @type {Data} */ other) => JSON.stringify(one) === JSON.stringify(other);
