// How long to wait before the next retry. Full jitter spreads the retries of all players after a restart. Pure: the random
// number is an argument.

import { BACKOFF_BASE_MS, BACKOFF_LONGEST_MS, BACKOFF_STEADY_MS } from "./constants.js";

export class Backoff {
  #tries = 0;

  /**
   * The pause before the next retry, in ms.
   * @param {number} lived_ms how long the connection lived; 0: it never opened
   * @param {number} random   from 0 to 1
   */
  pause(lived_ms, random) {
    if (lived_ms >= BACKOFF_STEADY_MS) this.#tries = 0;
    const longest_ms = Math.min(BACKOFF_LONGEST_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#tries, 16));
    this.#tries += 1;
    return random * longest_ms;
  }

  /** The next pause is as short as the first. */
  reset() {
    this.#tries = 0;
  }
}
