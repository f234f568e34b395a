// Where players are drawn between two answers of the API. Pure. A player moves on with its velocity, and what an answer corrects
// disappears gradually, so that nothing jumps.

/** No player moves on for longer than this without an answer, in ms. */
const ONWARD_MS = 1_500;
/** After so long two thirds of a correction are done, in ms. */
const SETTLE_MS = 250;
/** Corrections that are smaller than this are done, in units. */
const DONE = 0.005;

/** @typedef {{ x: number, y: number, z: number }} Offset */
/** @typedef {{ place: import("./api.js").Place, at_ms: number, off: Offset }} Known */
/** @typedef {import("./api.js").Place & { is_still: boolean }} Drawn */

export class Motion {
  /** @type {Map<string, Known>} */
  #known = new Map();

  /** Takes an answer. Players without a position are not drawn. */
  take(/** @type {import("./api.js").PlayerView[]} */ players, /** @type {number} */ now_ms) {
    const before = this.#known;
    this.#known = new Map();
    for (const { id, position } of players) {
      if (!position) continue;
      const known = before.get(id);
      const shown = known ? drawn(known, now_ms) : position;
      const off = { x: shown.x - position.x, y: shown.y - position.y, z: shown.z - position.z };
      this.#known.set(id, { place: position, at_ms: now_ms, off });
    }
  }

  /** The players of another room. */
  clear() {
    this.#known.clear();
  }

  /** @returns {Map<string, Drawn>} */
  at(/** @type {number} */ now_ms) {
    return new Map([...this.#known].map(([id, known]) => [id, drawn(known, now_ms)]));
  }
}

/** @returns {Drawn} */
function drawn(/** @type {Known} */ { place, at_ms, off }, /** @type {number} */ now_ms) {
  const age_ms = now_ms - at_ms;
  const seconds = Math.min(age_ms, ONWARD_MS) / 1000;
  const left = Math.exp(-age_ms / SETTLE_MS);
  const is_moving = (place.vx !== 0 || place.vy !== 0 || place.vz !== 0) && age_ms < ONWARD_MS;
  const is_settling = Math.hypot(off.x, off.y, off.z) * left > DONE;
  return {
    ...place,
    x: place.x + place.vx * seconds + off.x * left,
    y: place.y + place.vy * seconds + off.y * left,
    z: place.z + place.vz * seconds + off.z * left,
    is_still: !is_moving && !is_settling,
  };
}
