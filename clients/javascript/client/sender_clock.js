// Maps the clock of a sender to the clock of this page. Pure.
//
// The fastest message shows the offset between the clocks best, so the smallest difference of the last seconds counts. Old
// differences are forgotten in two half windows, because clocks drift.

import { CLOCK_MODULUS_MS, TRACK_CLOCK_EARLIEST_MS, TRACK_CLOCK_LATEST_MS, TRACK_CLOCK_WINDOW_MS } from "./constants.js";

export class SenderClock {
  /** Whether the last message started a new clock. */
  is_new = true;
  #modulus_ms;
  #least_now = Infinity;
  #least_before = Infinity;
  #since_ms = 0;

  /** @param {number} [modulus_ms] the sender's clock is sent modulo this; 0: it never wraps around */
  constructor(modulus_ms = CLOCK_MODULUS_MS) {
    this.#modulus_ms = modulus_ms;
  }

  /** The clock of this page minus the sender's, in ms, for the fastest message. Infinite before the first message. */
  get offset_ms() {
    return Math.min(this.#least_now, this.#least_before);
  }

  /**
   * @param {number} t the time in the message
   * @param {number} arrival_ms when it arrived, on the clock of this page
   * @returns {number} the time of the message, unwrapped, on the sender's clock
   */
  received(t, arrival_ms) {
    const offset_ms = this.offset_ms;
    let t_ms = t;
    this.is_new = offset_ms === Infinity;
    if (!this.is_new) {
      // Of all times that t may mean, take the one nearest to now. So a silence may have any length.
      if (this.#modulus_ms > 0) t_ms += this.#modulus_ms * Math.round((arrival_ms - offset_ms - t) / this.#modulus_ms);
      const late_ms = arrival_ms - t_ms - offset_ms;
      this.is_new = late_ms < TRACK_CLOCK_EARLIEST_MS || late_ms > TRACK_CLOCK_LATEST_MS;
    }
    if (this.is_new) {
      this.#least_now = this.#least_before = Infinity;
      this.#since_ms = arrival_ms;
    } else if (arrival_ms - this.#since_ms > TRACK_CLOCK_WINDOW_MS) {
      this.#least_before = this.#least_now;
      this.#least_now = Infinity;
      this.#since_ms = arrival_ms;
    }
    this.#least_now = Math.min(this.#least_now, arrival_ms - t_ms);
    return t_ms;
  }
}
