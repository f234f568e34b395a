// Keys, mouse and fingers: what they do to the ship and to the camera. Pure: events in, sticks and gestures out.

import { KEYS, stickFromDrag, stickFromKeys } from "./steering.js";

/** One movement of two fingers zooms by at most this factor. */
const PINCH_FACTOR = 3;

/**
 * @typedef {object} Pointer
 * @property {number} id
 * @property {number} x pixels
 * @property {number} y pixels
 * @property {boolean} is_mouse
 *
 * @typedef {{ kind: "drag", dx: number, dy: number }} Drag the mouse moves the world, in pixels
 * @typedef {{ kind: "pinch", dx: number, dy: number, factor: number, middle: { x: number, y: number } }} Pinch two fingers
 *   move the world and zoom
 * @typedef {{ x: number, y: number, dx: number, dy: number }} DragStick a finger's stick: where it began, how far it is now
 */

export class Input {
  /** @type {DragStick | null} */
  drag_stick = null;
  #stick_id = NaN;
  /** @type {Set<string>} */
  #keys = new Set();
  /** @type {Map<number, { x: number, y: number }>} */
  #pointers = new Map();

  /** The stick that a finger or the keys hold. */
  get stick() {
    return this.drag_stick ? stickFromDrag(this.drag_stick.dx, this.drag_stick.dy) : stickFromKeys(this.#keys);
  }

  /** Whether a pointer is on the field. */
  get is_held() {
    return this.#pointers.size > 0;
  }

  /** @returns {boolean} whether the key flies the ship */
  keyDown(/** @type {string} */ code) {
    if (!KEYS.has(code)) return false;
    this.#keys.add(code);
    return true;
  }

  keyUp(/** @type {string} */ code) {
    this.#keys.delete(code);
  }

  /** One finger is a stick; a second one ends it, and both move and zoom. */
  pointerDown(/** @type {Pointer} */ { id, x, y, is_mouse }) {
    this.#pointers.set(id, { x, y });
    if (is_mouse) return;
    this.drag_stick = this.#pointers.size === 1 ? { x, y, dx: 0, dy: 0 } : null;
    this.#stick_id = id;
  }

  /** @returns {Drag | Pinch | null} what the camera has to do */
  pointerMove(/** @type {Pointer} */ { id, x, y, is_mouse }) {
    const before = this.#pointers.get(id);
    if (!before) return null;
    this.#pointers.set(id, { x, y });
    if (this.drag_stick && this.#stick_id === id) {
      this.drag_stick = { ...this.drag_stick, dx: x - this.drag_stick.x, dy: y - this.drag_stick.y };
      return null;
    }
    const [dx, dy] = [x - before.x, y - before.y];
    const other = [...this.#pointers].find(([other_id]) => other_id !== id)?.[1];
    if (other && this.#pointers.size === 2) {
      const factor = Math.hypot(x - other.x, y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      const bounded = Math.min(PINCH_FACTOR, Math.max(1 / PINCH_FACTOR, factor));
      return { kind: "pinch", dx: dx / 2, dy: dy / 2, factor: bounded, middle: { x: (x + other.x) / 2, y: (y + other.y) / 2 } };
    }
    return is_mouse && (dx !== 0 || dy !== 0) ? { kind: "drag", dx, dy } : null;
  }

  pointerUp(/** @type {number} */ id) {
    this.#pointers.delete(id);
    if (this.#stick_id === id) this.drag_stick = null;
  }

  /** Releases everything: the page lost the keyboard, or it is hidden. */
  release() {
    this.#keys.clear();
    this.#pointers.clear();
    this.drag_stick = null;
  }
}
