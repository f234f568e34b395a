// From the world to the screen and back. Pure. `scale` is in pixels per unit. x and y are the point of the world in the middle
// of the free part of the screen, which panels do not cover. y grows downwards, as in Godot's 2D and as z does in its 3D.

/**
 * @typedef {object} Camera
 * @property {number} x
 * @property {number} y
 * @property {number} scale
 *
 * @typedef {object} Screen the size of the screen, and how much of each edge panels cover, in CSS pixels
 * @property {number} width
 * @property {number} height
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 * @property {number} left
 *
 * @typedef {{ x: number, y: number }} Point
 *
 * @typedef {Camera & { half_width: number, half_height: number }} Framing a camera, and half the size of what it shows, in units
 */

export const SCALE_MIN = 0.00005;
export const SCALE_MAX = 120;
/** A fit does not zoom in further than this: a single ship must not fill the screen. */
export const FIT_SCALE_MAX = 16;
const MARGIN_PX = 60;
/** The camera moves if a player is nearer to the edge than this. */
const EDGE_PX = 44;

const clampScale = (/** @type {number} */ scale) => Math.min(SCALE_MAX, Math.max(SCALE_MIN, scale));

/** @returns {Point} */
export function middle(/** @type {Screen} */ screen) {
  return { x: (screen.left + screen.width - screen.right) / 2, y: (screen.top + screen.height - screen.bottom) / 2 };
}

/** @returns {Point} */
export function toScreen(/** @type {Camera} */ camera, /** @type {Screen} */ screen, /** @type {Point} */ point) {
  const centre = middle(screen);
  return { x: centre.x + (point.x - camera.x) * camera.scale, y: centre.y + (point.y - camera.y) * camera.scale };
}

/** @returns {Point} */
export function toWorld(/** @type {Camera} */ camera, /** @type {Screen} */ screen, /** @type {Point} */ pixel) {
  const centre = middle(screen);
  return { x: camera.x + (pixel.x - centre.x) / camera.scale, y: camera.y + (pixel.y - centre.y) / camera.scale };
}

/**
 * A camera that shows all players. A single player far away from the others must not shrink the picture to a dot: with ten
 * players or more, the outermost one at each edge (of many players, a twentieth) is left out if that makes the picture more
 * than four times as large.
 * @param {Point[]} points
 * @param {Screen} screen
 * @returns {Framing | null}
 */
export function fit(points, screen) {
  if (points.length === 0) return null;
  const xs = points.map((point) => point.x).sort((a, b) => a - b);
  const ys = points.map((point) => point.y).sort((a, b) => a - b);
  const range = (/** @type {number[]} */ sorted) => {
    const last = sorted.length - 1;
    const cut = Math.max(1, Math.floor(sorted.length / 20));
    const many = sorted.length >= 10;
    const whole = sorted[last] - sorted[0];
    const most = many ? sorted[last - cut] - sorted[cut] : whole;
    return many && whole > 4 * Math.max(most, 1) ? [sorted[cut], sorted[last - cut]] : [sorted[0], sorted[last]];
  };
  const [left, right] = range(xs);
  const [top, bottom] = range(ys);
  const free_x = Math.max(40, screen.width - screen.left - screen.right - 2 * MARGIN_PX);
  const free_y = Math.max(40, screen.height - screen.top - screen.bottom - 2 * MARGIN_PX);
  const scale = Math.min(FIT_SCALE_MAX, free_x / Math.max(right - left, 1e-6), free_y / Math.max(bottom - top, 1e-6));
  const [half_width, half_height] = [(right - left) / 2, (bottom - top) / 2];
  return { x: (left + right) / 2, y: (top + bottom) / 2, scale: clampScale(scale), half_width, half_height };
}

/** Adds a margin, so that the camera does not have to move again at once. @returns {Camera} */
export const withMargin = (/** @type {Camera} */ best) => ({ x: best.x, y: best.y, scale: best.scale * 0.92 });

/**
 * A calm camera: it stays while all players are in the picture and the picture is not much too wide.
 * @param {Camera} aim  where the camera moves to now
 * @param {Framing} best the result of `fit`
 * @param {Screen} screen
 * @returns {Camera} the new aim
 */
export function calm(aim, best, screen) {
  const [free_x, free_y] = [screen.width - screen.left - screen.right, screen.height - screen.top - screen.bottom];
  const over_x = (Math.abs(best.x - aim.x) + best.half_width) * aim.scale - (free_x / 2 - EDGE_PX);
  const over_y = (Math.abs(best.y - aim.y) + best.half_height) * aim.scale - (free_y / 2 - EDGE_PX);
  const cramped = over_x > 0 || over_y > 0;
  return cramped || best.scale > 1.3 * aim.scale ? withMargin(best) : aim;
}

/**
 * @param {Camera} camera
 * @param {Camera} aim
 * @param {number} seconds
 * @param {number} settle_s how long two thirds of the way take, in seconds; 0: no time
 * @returns {Camera}
 */
export function glide(camera, aim, seconds, settle_s) {
  if (!(settle_s > 0)) return aim;
  const share = 1 - Math.exp(-seconds / settle_s);
  const scale = camera.scale * (aim.scale / camera.scale) ** share;
  const next = { x: camera.x + (aim.x - camera.x) * share, y: camera.y + (aim.y - camera.y) * share, scale };
  const off = (Math.abs(aim.x - next.x) + Math.abs(aim.y - next.y)) * aim.scale;
  return off < 0.05 && Math.abs(aim.scale / scale - 1) < 1e-4 ? aim : next;
}

/** Zooms so that the point under the pointer stays there. @returns {Camera} */
export function zoomAt(/** @type {Camera} */ camera, /** @type {Screen} */ screen, /** @type {Point} */ pixel, /** @type {number} */ factor) {
  const scale = clampScale(camera.scale * factor);
  const held = toWorld(camera, screen, pixel);
  const centre = middle(screen);
  return { x: held.x - (pixel.x - centre.x) / scale, y: held.y - (pixel.y - centre.y) / scale, scale };
}

/** @returns {Camera} */
export function pan(/** @type {Camera} */ camera, /** @type {number} */ dx, /** @type {number} */ dy) {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

/** The smallest of 1, 2, 5, 10, 20, 50, … units that is at least `pixels` wide. */
export function gridStep(/** @type {number} */ scale, /** @type {number} */ pixels) {
  const units = pixels / scale;
  const power = 10 ** Math.floor(Math.log10(units));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= units * 0.999) return factor * power;
  return 10 * power;
}
