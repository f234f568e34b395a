// What the page knows of its room: the roster, and a track for each other player. Pure.

import { Tints } from "./colour.js";
import { EMPTY, apply, cut, expire, hasPosition } from "../client/roster.js";
import { Track } from "../client/track.js";

/** @typedef {import("../client/track.js").Drawn} Drawn */

export class Room {
  roster = EMPTY;
  tints = new Tints();
  /** @type {ReadonlyMap<string, Drawn>} where each other player was drawn last */
  drawn = new Map();
  /** @type {Map<string, Track>} */
  #tracks = new Map();

  /**
   * Applies a message.
   * @param {import("../client/messages.js").Message} message
   * @param {number} now_ms
   * @param {boolean} is_busy the message may have waited for this page
   */
  apply(message, now_ms, is_busy) {
    const change = apply(this.roster, message, now_ms);
    this.roster = change.roster;
    for (const { id } of change.left) {
      this.#tracks.delete(id);
      this.tints.forget(id);
    }
    const server_ms = message.type === "welcome" ? message.t : 0;
    for (const { id, position, age } of change.placed) {
      // A player that has just joined has sent no position: it is drawn from its first one on.
      if (hasPosition(position)) this.#track(id).place(position, age, server_ms, now_ms, is_busy);
    }
    for (const { id, position, server_ms } of change.moved) this.#track(id).add(position, server_ms, now_ms, is_busy);
    if (message.type === "welcome") this.#tracks.delete(message.your_id);
    return change;
  }

  /** The connection was lost. */
  cut() {
    this.roster = cut(this.roster);
  }

  /** Removes the players that did not come back after a lost connection, and returns them. */
  expire(/** @type {number} */ now_ms) {
    const { roster, left } = expire(this.roster, now_ms);
    this.roster = roster;
    for (const { id } of left) {
      this.#tracks.delete(id);
      this.tints.forget(id);
    }
    return left;
  }

  /** Moves all tracks on, once a frame. */
  advance(/** @type {number} */ now_ms) {
    /** @type {Map<string, Drawn>} */
    const drawn = new Map();
    for (const id of this.roster.players.keys()) {
      const at = this.#tracks.get(id)?.at(now_ms);
      if (at) drawn.set(id, at);
    }
    this.drawn = drawn;
    return drawn;
  }

  /** How late the players that move are drawn, in ms. */
  get delays_ms() {
    return [...this.drawn.values()].map(({ late_ms }) => late_ms).filter((late_ms) => !Number.isNaN(late_ms));
  }

  #track(/** @type {string} */ id) {
    let track = this.#tracks.get(id);
    if (!track) this.#tracks.set(id, (track = new Track()));
    return track;
  }
}
