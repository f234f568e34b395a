// The moment of a player's past that is on the screen. Pure.
//
// The delay is as short as possible, but long enough that the next position arrives in time. It follows the latest message of
// the last seconds, within bounds.

import {
  TRACK_DELAY_LEAST_MS,
  TRACK_DELAY_MOST_MS,
  TRACK_DELAY_NEEDS,
  TRACK_DELAY_SPARE_MS,
  TRACK_DELAY_START_MS,
  TRACK_FASTER,
  TRACK_LOST_MS,
  TRACK_NEED_WINDOW_MS,
  TRACK_SLOWER,
} from "./constants.js";

const clamp = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) => Math.min(Math.max(value, least), most);

export class Playhead {
  /** The moment on the screen, on the sender's clock, in ms. NaN while there is none. */
  at_ms = NaN;
  #count = 0;
  #worst_now_ms = 0;
  #worst_before_ms = 0;
  #since_ms = 0;

  /** How far in the past a player should be drawn, in ms. */
  get delay_ms() {
    const least_ms = this.#count >= TRACK_DELAY_NEEDS ? TRACK_DELAY_LEAST_MS : TRACK_DELAY_START_MS;
    return clamp(Math.max(this.#worst_now_ms, this.#worst_before_ms) + TRACK_DELAY_SPARE_MS, least_ms, TRACK_DELAY_MOST_MS);
  }

  /**
   * Records that a message would have been in time with a delay of `needed_ms`.
   * @param {number} needed_ms
   * @param {number} arrival_ms when it arrived
   */
  need(needed_ms, arrival_ms) {
    this.#count += 1;
    if (arrival_ms - this.#since_ms > TRACK_NEED_WINDOW_MS) {
      this.#worst_before_ms = arrival_ms - this.#since_ms < 2 * TRACK_NEED_WINDOW_MS ? this.#worst_now_ms : 0;
      this.#worst_now_ms = 0;
      this.#since_ms = arrival_ms;
    }
    this.#worst_now_ms = Math.max(this.#worst_now_ms, needed_ms);
  }

  /**
   * Advances.
   * @param {number} passed_ms
   * @param {number} here_ms what the sender's clock shows now
   * @param {number} [end_ms] the player is at rest from here on: a jump after that moment is not visible
   */
  play(passed_ms, here_ms, end_ms = Infinity) {
    const wanted_ms = here_ms - this.delay_ms;
    const behind_ms = wanted_ms - (this.at_ms + passed_ms);
    if (Number.isNaN(behind_ms) || Math.abs(behind_ms) > TRACK_LOST_MS) this.at_ms = wanted_ms;
    else if (this.at_ms >= end_ms) this.at_ms = Math.max(wanted_ms, end_ms);
    else this.at_ms += passed_ms + clamp(behind_ms, -TRACK_SLOWER * passed_ms, TRACK_FASTER * passed_ms);
  }

  /** Stops: no moment is on the screen, because only a position without a time is known. */
  stop() {
    this.at_ms = NaN;
  }
}
