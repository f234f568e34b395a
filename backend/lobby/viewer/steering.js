// How the own ship flies. Pure: a function from (ship, stick, seconds) to a new ship.

import { angleBetween, isMoving } from "../client/motion.js";

/** Units per second. */
export const TOP_SPEED = 12;
/** Units per second squared. */
const ACCELERATION = 30;
const BRAKING = 24;
/** Radians per second. */
const TURN_PER_S = Math.PI * 1.25;

/** The ship moves in steps of this length. */
const STEP_S = 1 / 120;

/**
 * @typedef {object} Ship
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 *
 * @typedef {object} Stick the wanted direction, with a length from 0 to 1
 * @property {number} x
 * @property {number} y
 */

/** A ship at rest. @returns {Ship} */
export const shipAt = (x = 0, y = 0, h = -Math.PI / 2) => ({ x, y, vx: 0, vy: 0, h });

/** @returns {Ship} */
function step(/** @type {Ship} */ ship, /** @type {Stick} */ stick, /** @type {number} */ seconds) {
  const push = Math.min(1, Math.hypot(stick.x, stick.y));
  let h = ship.h;
  let [wanted_x, wanted_y] = [0, 0];
  if (push > 0.05) {
    const off = angleBetween(h, Math.atan2(stick.y, stick.x));
    h += Math.max(-TURN_PER_S * seconds, Math.min(TURN_PER_S * seconds, off));
    // A ship accelerates in the direction of its heading: while it turns it does not fly backwards.
    const speed = TOP_SPEED * push * Math.max(0, Math.cos(off));
    [wanted_x, wanted_y] = [Math.cos(h) * speed, Math.sin(h) * speed];
  }
  const [dx, dy] = [wanted_x - ship.vx, wanted_y - ship.vy];
  const most = (push > 0.05 ? ACCELERATION : BRAKING) * seconds;
  const change = Math.hypot(dx, dy);
  const share = change > most ? most / change : 1;
  const [vx, vy] = [ship.vx + dx * share, ship.vy + dy * share];
  return { x: ship.x + (ship.vx + vx) * 0.5 * seconds, y: ship.y + (ship.vy + vy) * 0.5 * seconds, vx, vy, h };
}

/**
 * The steps are small and equal, so that the movement does not depend on the frame rate of the screen.
 * @param {Ship} ship
 * @param {Stick} stick
 * @param {number} seconds at most half a second counts: after a page slept, its ship does not jump
 * @returns {Ship}
 */
export function fly(ship, stick, seconds) {
  if (!isMoving(ship) && stick.x === 0 && stick.y === 0) return ship;
  let left = Math.min(seconds, 0.5);
  while (left > 1e-9) {
    ship = step(ship, stick, Math.min(left, STEP_S));
    left -= STEP_S;
  }
  return ship;
}

/** W A S D and the arrow keys, by `KeyboardEvent.code`: the keys are in the same place in every keyboard layout. */
export const KEYS = new Map([
  ["KeyW", { x: 0, y: -1 }],
  ["ArrowUp", { x: 0, y: -1 }],
  ["KeyS", { x: 0, y: 1 }],
  ["ArrowDown", { x: 0, y: 1 }],
  ["KeyA", { x: -1, y: 0 }],
  ["ArrowLeft", { x: -1, y: 0 }],
  ["KeyD", { x: 1, y: 0 }],
  ["ArrowRight", { x: 1, y: 0 }],
]);

/** @returns {Stick} */
export function stickFromKeys(/** @type {Iterable<string>} */ codes) {
  let [x, y] = [0, 0];
  for (const code of codes) {
    x += KEYS.get(code)?.x ?? 0;
    y += KEYS.get(code)?.y ?? 0;
  }
  const length = Math.hypot(x, y);
  return length > 0 ? { x: x / length, y: y / length } : { x: 0, y: 0 };
}

/** The stick of a finger that was dragged by (dx, dy) pixels: its length is 1 from `reach` pixels on. @returns {Stick} */
export function stickFromDrag(/** @type {number} */ dx, /** @type {number} */ dy, reach = 56) {
  const length = Math.hypot(dx, dy);
  if (length < 6) return { x: 0, y: 0 };
  const push = Math.min(1, length / reach) / length;
  return { x: dx * push, y: dy * push };
}
