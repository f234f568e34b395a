// The time between frames, and whether the page was busy. Pure.

/** A frame that comes later than this means that the page was busy: it loaded, it slept, or it was hidden. */
const STALL_MS = 150;
/** While a page loads it is busy for so long. */
const LOADING_MS = 1_000;
/** A longer time between two frames counts as this, in seconds: after a page slept, nothing jumps. */
const LONGEST_S = 0.5;

export class FrameClock {
  #frame_ms;
  #busy_until_ms;

  constructor(/** @type {number} */ now_ms) {
    this.#frame_ms = now_ms;
    this.#busy_until_ms = now_ms + LOADING_MS;
  }

  /**
   * A frame begins.
   * @param {number} stamp_ms the time that the browser gives to the frame
   * @param {number} now_ms
   * @returns {number} seconds since the last frame
   */
  next(stamp_ms, now_ms) {
    const seconds = (stamp_ms - this.#frame_ms) / 1000;
    if (now_ms - this.#frame_ms > STALL_MS) this.#busy_until_ms = now_ms + 2 * STALL_MS;
    this.#frame_ms = stamp_ms;
    return Math.min(LONGEST_S, Math.max(0, seconds));
  }

  /** Whether a message that arrives now may have waited for the page. */
  isBusy(/** @type {number} */ now_ms) {
    return now_ms < this.#busy_until_ms || now_ms - this.#frame_ms > STALL_MS;
  }
}
