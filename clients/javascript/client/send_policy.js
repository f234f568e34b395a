// When the own position is sent. Pure.
//
// Other clients predict a player along a straight line from its last position. A position is sent when that prediction is
// wrong, at least once every LONGEST_MS while the player moves, and once when it comes to rest.

import { angleBetween, isMoving } from "./motion.js";

/** The prediction is wrong if it is off by more than this, in units. */
export const TOLERANCE_UNITS = 0.1;
/** The prediction is wrong if the heading is off by more than this, in radians. */
export const TOLERANCE_RADIANS = 0.15;
/** Longest interval between positions while the player moves, in ms. */
export const LONGEST_MS = 400;

/** @typedef {import("./motion.js").Motion} Motion */

export class SendPolicy {
  /** @type {Motion | null} what the other clients know */
  #sent = null;
  #sent_ms = -Infinity;
  #sent_at_ms = -Infinity;
  #free_ms = -Infinity;
  #is_requested = false;

  /**
   * Whether to send the ship's position now. Once it is sent, call `sent`.
   * @param {Motion} ship
   * @param {number} now_ms
   * @param {number} send_ms shortest interval between two positions
   * @param {number} [at_ms]  when the player was there
   */
  due(ship, now_ms, send_ms, at_ms = now_ms) {
    if (now_ms < this.#free_ms) return false;
    if (this.#is_requested) return true;
    const sent = this.#sent;
    if (!sent) return isMoving(ship);
    const passed_ms = now_ms - this.#sent_ms;
    if (passed_ms < send_ms) return false;
    const seconds = (at_ms - this.#sent_at_ms) / 1000;
    const [z, vz, here_z] = [sent.z ?? 0, sent.vz ?? 0, ship.z ?? 0];
    const off = Math.hypot(sent.x + sent.vx * seconds - ship.x, sent.y + sent.vy * seconds - ship.y, z + vz * seconds - here_z);
    if (off > TOLERANCE_UNITS || Math.abs(angleBetween(sent.h, ship.h)) > TOLERANCE_RADIANS) return true;
    if (isMoving(ship)) return passed_ms >= LONGEST_MS;
    // The last position is sent exactly: otherwise the other clients would predict a movement that has ended.
    return isMoving(sent) || sent.x !== ship.x || sent.y !== ship.y || z !== here_z || sent.h !== ship.h;
  }

  /** The other clients know this position now. */
  sent(/** @type {Motion} */ ship, /** @type {number} */ now_ms, at_ms = now_ms) {
    this.#sent = ship;
    this.#sent_ms = now_ms;
    this.#sent_at_ms = at_ms;
    this.#is_requested = false;
  }

  /** Sends the position as soon as possible, also if it did not change, but not before `free_ms`. */
  request(/** @type {number} */ free_ms = -Infinity) {
    this.#is_requested = true;
    this.#free_ms = Math.max(this.#free_ms, free_ms);
  }

  /** Whether the other clients know the position that was sent last: nothing was requested since. */
  get is_known() {
    return !this.#is_requested && this.#sent !== null;
  }

  /** The lobby may not know any position of the player. */
  forget() {
    this.#sent = null;
    this.#is_requested = false;
    this.#free_ms = -Infinity;
  }
}
