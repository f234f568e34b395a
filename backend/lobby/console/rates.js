// Rates of rooms, from two readings of their counters. Pure.

/** A rate is the difference to a reading that is at least so old, in ms. With younger ones it would jump. */
const OVER_MS = 2_500;

/** @typedef {{ in: number, out: number }} Rate messages per second that a room receives and sends */
/** @typedef {{ at_ms: number, messages: number, frames: number }} Reading */

export class RoomRates {
  /** @type {Map<string, Reading[]>} oldest first */
  #readings = new Map();

  /** Rooms that are not among `rooms` are forgotten. */
  take(/** @type {import("./api.js").RoomView[]} */ rooms, /** @type {number} */ now_ms) {
    const before = this.#readings;
    this.#readings = new Map();
    for (const { room, traffic } of rooms) {
      if (!traffic) continue;
      const known = before.get(room) ?? [];
      const last = known.at(-1);
      const is_new = last !== undefined && (traffic.messages < last.messages || traffic.frames < last.frames); // it was empty
      const readings = [...(is_new ? [] : known), { at_ms: now_ms, ...traffic }];
      while (readings.length > 2 && now_ms - readings[1].at_ms >= OVER_MS) readings.shift();
      this.#readings.set(room, readings);
    }
  }

  /** null: not known yet. @returns {Rate | null} */
  of(/** @type {string} */ room) {
    const readings = this.#readings.get(room);
    const [first, last] = [readings?.[0], readings?.at(-1)];
    if (!first || !last || last.at_ms <= first.at_ms) return null;
    const seconds = (last.at_ms - first.at_ms) / 1000;
    return { in: (last.messages - first.messages) / seconds, out: (last.frames - first.frames) / seconds };
  }
}
