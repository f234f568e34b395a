// The own player: its ship, its status, and what of it is sent. Pure.

import { CLOCK_MODULUS_MS, SLOW_DOWN_MS } from "../client/constants.js";
import { hash } from "./colour.js";
import { SendPolicy } from "../client/send_policy.js";
import { isMoving } from "../client/motion.js";
import { fly, shipAt } from "./steering.js";
import { oneLine } from "../client/text.js";

/** A new player starts at most so far from the origin, in units. */
const SPAWN_RADIUS = 6;

/**
 * @typedef {import("../client/messages.js").Position} Position
 * @typedef {import("./steering.js").Ship} Ship
 * @typedef {import("./steering.js").Stick} Stick
 */

const hundredths = (/** @type {number} */ value) => Math.round(value * 100) / 100;

/** Where a new player starts: not all at the same point, but the same player always at the same one. */
export function spawn(/** @type {string} */ id) {
  const random = hash(id);
  const angle = ((random % 1000) / 1000) * 2 * Math.PI;
  const radius = SPAWN_RADIUS * Math.sqrt(((random >>> 10) % 1000) / 1000);
  return shipAt(hundredths(Math.cos(angle) * radius), hundredths(Math.sin(angle) * radius));
}

export class OwnShip {
  ship = shipAt();
  /** Whether the ship has its place in the room. */
  is_placed = false;
  /** The number of the last position that was sent. */
  seq = 0;
  status = "";
  #policy = new SendPolicy();

  get is_moving() {
    return isMoving(this.ship);
  }

  /**
   * The lobby sent its welcome. The first one places the ship; later ones do not move it.
   * @param {string} id
   * @param {Position} position where the lobby has this player; its seq is 0 if the lobby has no position
   */
  welcomed(id, position) {
    this.seq = Math.max(this.seq, position.seq);
    const has_position = position.seq > 0;
    const is_same = this.is_placed && has_position && position.x === this.ship.x && position.y === this.ship.y;
    if (!this.is_placed) this.ship = has_position ? shipAt(position.x, position.y) : spawn(id);
    this.is_placed = true;
    if (!is_same) this.#policy.request();
  }

  /** The connection ended: after the next welcome, the lobby may not know where the ship is. */
  disconnected() {
    this.#policy.forget();
  }

  /** The lobby refused a position. It sends the one that it has instead, except if there were too many positions. */
  refused(/** @type {import("../client/messages.js").ErrorMessage} */ error, /** @type {number} */ now_ms) {
    if (error.place) {
      this.ship = shipAt(error.place.x, error.place.y, this.ship.h);
      this.#policy.sent(this.ship, now_ms);
    }
    if (error.code === "rate_limited") this.#policy.request(now_ms + SLOW_DOWN_MS);
  }

  /** Another room: the ship starts anew. */
  leaveRoom() {
    this.is_placed = false;
    this.seq = 0;
    this.#policy.forget();
  }

  /** Flies on. */
  fly(/** @type {Stick} */ stick, /** @type {number} */ seconds) {
    this.ship = fly(this.ship, this.is_placed ? stick : { x: 0, y: 0 }, seconds);
  }

  /** Stops at once, for example because the page is hidden. */
  stop() {
    if (!this.is_moving) return;
    this.ship = shipAt(this.ship.x, this.ship.y, this.ship.h);
    this.#policy.request();
  }

  /**
   * The position to send now, or null. Once it is sent, call `sent`.
   * @param {number} now_ms
   * @param {number} send_ms shortest interval between two positions
   * @returns {Position | null}
   */
  due(now_ms, send_ms) {
    if (!this.#policy.due(this.ship, now_ms, send_ms)) return null;
    return { ...this.ship, z: 0, vz: 0, seq: this.seq + 1, t: Math.round(now_ms) % CLOCK_MODULUS_MS };
  }

  /** The position of `due` was sent. */
  sent(/** @type {number} */ now_ms) {
    this.seq += 1;
    this.#policy.sent(this.ship, now_ms);
  }

  /** Sets the status; "" removes it. */
  setStatus(/** @type {string} */ status) {
    this.status = oneLine(status);
  }
}
