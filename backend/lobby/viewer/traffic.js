// Counts messages and bytes, for the rates on the panel and for the sparkline. Pure: times are arguments.

export const SECONDS_KEPT = 60;
const RATE_SECONDS = 5;

/**
 * Price of a message at API Gateway (WebSocket, the first billion messages of a month), in both directions. A message counts
 * once for each 32 KB. docs/cost.md names the source.
 */
export const AWS_DOLLARS_PER_MESSAGE = 1 / 1_000_000;
export const AWS_STEP_BYTES = 32 * 1024;

/** @typedef {{ second: number, in: number, out: number, in_bytes: number, out_bytes: number, billed: number }} Bucket */

export class Traffic {
  /** @type {Bucket[]} oldest first */
  #buckets = [];
  #first_second = NaN;

  /**
   * @param {"in" | "out"} direction
   * @param {number} bytes of the payload, without the frame
   * @param {number} now_ms
   */
  count(direction, bytes, now_ms) {
    const second = Math.floor(now_ms / 1000);
    if (Number.isNaN(this.#first_second)) this.#first_second = second;
    let bucket = this.#buckets.at(-1);
    if (!bucket || bucket.second < second) {
      bucket = { second, in: 0, out: 0, in_bytes: 0, out_bytes: 0, billed: 0 };
      this.#buckets.push(bucket);
      while (this.#buckets[0].second <= second - SECONDS_KEPT - 1) this.#buckets.shift();
    }
    bucket[direction] += 1;
    bucket[`${direction}_bytes`] += bytes;
    bucket.billed += Math.max(1, Math.ceil(bytes / AWS_STEP_BYTES));
  }

  /** Rates per second, over the last whole seconds. */
  rates(/** @type {number} */ now_ms) {
    const now = Math.floor(now_ms / 1000);
    const total = { in: 0, out: 0, in_bytes: 0, out_bytes: 0, billed: 0 };
    for (const bucket of this.#buckets) {
      if (bucket.second >= now || bucket.second < now - RATE_SECONDS) continue;
      for (const key of /** @type {(keyof typeof total)[]} */ (Object.keys(total))) total[key] += bucket[key];
    }
    const seconds = Math.min(RATE_SECONDS, Math.max(1, now - this.#first_second)) || 1;
    for (const key of /** @type {(keyof typeof total)[]} */ (Object.keys(total))) total[key] /= seconds;
    return { ...total, aws_dollars_per_hour: total.billed * 3600 * AWS_DOLLARS_PER_MESSAGE };
  }

  /** Messages received in each second, oldest first, for the sparkline. */
  history(/** @type {number} */ now_ms) {
    const now = Math.floor(now_ms / 1000);
    const values = new Array(SECONDS_KEPT).fill(0);
    for (const bucket of this.#buckets) {
      const at = SECONDS_KEPT - (now - bucket.second);
      if (at >= 0 && at < SECONDS_KEPT) values[at] = bucket.in;
    }
    return values;
  }
}
