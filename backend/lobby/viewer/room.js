// What the page knows of its room: the players, their colours, and where each of them was drawn last. Pure.

import { Roster } from "../client/roster.js";
import { Tints } from "./colour.js";

/** @typedef {import("../client/track.js").Drawn} Drawn */

/** The name of an event is shown at its player for so long, in ms. */
const EVENT_SHOWN_MS = 2_000;

export class Room {
  roster = new Roster();
  tints = new Tints();
  /** @type {ReadonlyMap<string, Drawn>} where each other player was drawn last */
  drawn = new Map();
  /** @type {Map<string, { event: string, until_ms: number }>} */
  #events = new Map();

  /**
   * Applies a message.
   * @param {import("../client/messages.js").Message} message
   * @param {number} now_ms
   * @param {boolean} is_busy the message may have waited for this page
   */
  apply(message, now_ms, is_busy) {
    const change = this.roster.apply(message, now_ms, is_busy);
    for (const { id } of change.left) this.tints.forget(id);
    return change;
  }

  /** The tint of a player: see colour.js. */
  tintOf(/** @type {string} */ id) {
    return this.tints.of(id, this.roster.players.get(id)?.data);
  }

  /** A player sent an event: its name is shown for a moment. */
  noteEvent(/** @type {string} */ id, /** @type {string} */ event, /** @type {number} */ now_ms) {
    this.#events.set(id, { event, until_ms: now_ms + EVENT_SHOWN_MS });
  }

  /** The event that is shown at a player now; "": none. */
  eventOf(/** @type {string} */ id) {
    return this.#events.get(id)?.event ?? "";
  }

  /** The connection was lost. */
  cut() {
    this.roster.cut();
  }

  /** Removes the players that did not come back after a lost connection, and returns them. */
  expire(/** @type {number} */ now_ms) {
    const left = this.roster.expire(now_ms);
    for (const { id } of left) this.tints.forget(id);
    return left;
  }

  /** Moves all players on, once a frame. */
  advance(/** @type {number} */ now_ms) {
    /** @type {Map<string, Drawn>} */
    const drawn = new Map();
    for (const player of this.roster.players.values()) {
      const at = player.at(now_ms);
      if (at) drawn.set(player.id, at);
    }
    this.drawn = drawn;
    for (const [id, { until_ms }] of this.#events) if (now_ms >= until_ms) this.#events.delete(id);
    return drawn;
  }

  /** How late the players that move are drawn, in ms. */
  get delays_ms() {
    return [...this.drawn.values()].map(({ late_ms }) => late_ms).filter((late_ms) => !Number.isNaN(late_ms));
  }
}
