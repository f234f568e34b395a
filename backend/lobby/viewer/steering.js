// How our own ship flies, and when it is worth telling the others. Pure: ship and seconds in, ship out.

export const TOP_SPEED = 12;
export const ACCELERATION = 30;
export const BRAKING = 24;
export const TURN_PER_S = Math.PI * 1.25;

/** The others fly on from what we said last; more than this off and they are told (units; radians for the nose). */
export const OFF_UNITS = 0.1;
export const OFF_RADIANS = 0.15;
/** While flying straight they still hear of us this often: they do not guess for longer. */
export const SILENCE_MS = 400;

const STEP_S = 1 / 120;

/**
 * @typedef {object} Ship
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 *
 * @typedef {object} Stick where to, in the world: length 0 to 1
 * @property {number} x
 * @property {number} y
 *
 * @typedef {Ship & { at_ms: number }} Said
 */

/** @returns {Ship} */
export const moored = (x = 0, y = 0, h = -Math.PI / 2) => ({ x, y, vx: 0, vy: 0, h });

export const flies = (/** @type {Ship} */ ship) => ship.vx !== 0 || ship.vy !== 0;

function angleBetween(/** @type {number} */ a, /** @type {number} */ b) {
  const difference = (b - a) % (2 * Math.PI);
  if (difference > Math.PI) return difference - 2 * Math.PI;
  return difference < -Math.PI ? difference + 2 * Math.PI : difference;
}

/** @returns {Ship} */
function step(/** @type {Ship} */ ship, /** @type {Stick} */ stick, /** @type {number} */ seconds) {
  const push = Math.min(1, Math.hypot(stick.x, stick.y));
  let h = ship.h;
  let [wanted_x, wanted_y] = [0, 0];
  if (push > 0.05) {
    const off = angleBetween(h, Math.atan2(stick.y, stick.x));
    h += Math.max(-TURN_PER_S * seconds, Math.min(TURN_PER_S * seconds, off));
    // A ship thrusts where its nose points: while it still turns round it does not fly backwards.
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
 * In small equal steps, so that the path does not depend on how fast the screen is.
 * @param {Ship} ship
 * @param {Stick} stick
 * @param {number} seconds at most half a second counts: a page that slept does not leap
 * @returns {Ship}
 */
export function fly(ship, stick, seconds) {
  if (!flies(ship) && stick.x === 0 && stick.y === 0) return ship;
  let left = Math.min(seconds, 0.5);
  while (left > 1e-9) {
    ship = step(ship, stick, Math.min(left, STEP_S));
    left -= STEP_S;
  }
  return ship;
}

/**
 * @param {Ship} ship
 * @param {Said | null} said what the others know, and since when
 * @param {number} now_ms
 * @param {number} send_ms the lobby's wish (`config`)
 */
export function worthSaying(ship, said, now_ms, send_ms) {
  if (!said) return flies(ship);
  const passed_ms = now_ms - said.at_ms;
  if (passed_ms < send_ms) return false;
  const seconds = passed_ms / 1000;
  const off = Math.hypot(said.x + said.vx * seconds - ship.x, said.y + said.vy * seconds - ship.y);
  if (off > OFF_UNITS || Math.abs(angleBetween(said.h, ship.h)) > OFF_RADIANS) return true;
  if (flies(ship)) return passed_ms >= SILENCE_MS;
  // The last word is where we rest, exactly: otherwise the others would see us drift on.
  return flies(said) || said.x !== ship.x || said.y !== ship.y || said.h !== ship.h;
}

/** The stick of a keyboard: W A S D and the arrows, by `KeyboardEvent.code`, so that every layout has them in one place. */
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

/** A finger's stick: full push at `reach` pixels. @returns {Stick} */
export function stickFromDrag(/** @type {number} */ dx, /** @type {number} */ dy, reach = 56) {
  const length = Math.hypot(dx, dy);
  if (length < 6) return { x: 0, y: 0 };
  const push = Math.min(1, length / reach) / length;
  return { x: dx * push, y: dy * push };
}
