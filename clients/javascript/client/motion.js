// How a player moves: small functions of positions and angles. Pure.

/**
 * @typedef {object} Motion
 * @property {number} x   units
 * @property {number} y   units
 * @property {number} vx  units per second
 * @property {number} vy  units per second
 * @property {number} h   heading, in radians
 * @property {number} [z]  height, in units
 * @property {number} [vz] units per second
 */

export const isMoving = (/** @type {{ vx: number, vy: number, vz?: number }} */ { vx, vy, vz = 0 }) => vx !== 0 || vy !== 0 || vz !== 0;

/** The shorter turn from a to b, in radians. */
export function angleBetween(/** @type {number} */ a, /** @type {number} */ b) {
  const difference = (b - a) % (2 * Math.PI);
  if (difference > Math.PI) return difference - 2 * Math.PI;
  return difference < -Math.PI ? difference + 2 * Math.PI : difference;
}
