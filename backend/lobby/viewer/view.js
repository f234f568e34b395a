// What the camera looks at: all players, one player that it follows, or where a person moved it. Pure.

import { calm, fit, glide, pan, toScreen, withMargin, zoomAt } from "./camera.js";

/** Positions so many seconds ahead count as well: the camera moves before a player leaves the picture. */
const LOOK_AHEAD_S = 0.4;
/** How fast the camera moves: two thirds of the way take so long, in seconds. */
const FIT_S = 0.32;
const FOLLOW_S = 0.18;

/**
 * @typedef {import("./camera.js").Camera} Camera
 * @typedef {import("./camera.js").Point} Point
 * @typedef {import("./camera.js").Screen} Screen
 *
 * @typedef {object} Moving a player, for the camera
 * @property {string} id
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 */

export class View {
  /** @type {Camera} */
  camera = { x: 0, y: 0, scale: 12 };
  /** @type {"fit" | "follow" | "free"} */
  mode = "fit";
  /** The id of the player that the camera follows; "": none. */
  followed = "";
  /** @type {Screen} */
  screen = { width: 1, height: 1, top: 0, right: 0, bottom: 0, left: 0 };
  /** Where the camera moves to. */
  #aim = this.camera;
  #is_framed = false;

  /** Shows all players. */
  fit() {
    this.mode = "fit";
    this.followed = "";
  }

  /** Follows a player; if it does so already, shows all players. */
  toggleFollow(/** @type {string} */ id) {
    if (this.followed === id) {
      this.fit();
      return;
    }
    this.mode = "follow";
    this.followed = id;
  }

  /** Another room: the camera starts anew. */
  reset() {
    this.#is_framed = false;
    this.fit();
  }

  #free() {
    this.mode = "free";
    this.followed = "";
    this.#aim = this.camera;
  }

  /** Moves the world by so many pixels, as a drag does. */
  dragBy(/** @type {number} */ dx, /** @type {number} */ dy) {
    this.camera = pan(this.camera, dx, dy);
    this.#free();
  }

  /** Zooms around a pixel; without one around the middle. A camera that follows a player goes on following it. */
  zoomBy(/** @type {number} */ factor, /** @type {Point} */ pixel = toScreen(this.camera, this.screen, this.camera)) {
    this.camera = zoomAt(this.camera, this.screen, pixel, factor);
    if (this.mode === "follow") this.#aim = { ...this.#aim, scale: this.camera.scale };
    else this.#free();
  }

  /** Two fingers moved and zoomed. */
  pinch(/** @type {import("./input.js").Pinch} */ { dx, dy, factor, middle }) {
    this.camera = pan(this.camera, dx, dy);
    this.zoomBy(factor, middle);
  }

  /**
   * Moves the camera on, once a frame.
   * @param {number} seconds since the last frame
   * @param {Moving[]} players all players that are drawn
   * @param {boolean} has_less_motion the camera jumps instead of gliding
   */
  advance(seconds, players, has_less_motion) {
    if (this.mode === "follow") {
      const player = players.find(({ id }) => id === this.followed);
      if (player) {
        this.#aim = { x: player.x, y: player.y, scale: this.#aim.scale };
        this.camera = glide(this.camera, this.#aim, seconds, has_less_motion ? 0 : FOLLOW_S);
        return;
      }
      this.fit();
    }
    if (this.mode === "free") return;
    const settle_s = has_less_motion || !this.#is_framed ? 0 : FIT_S;
    const points = players.flatMap(({ x, y, vx, vy }) => [{ x, y }, { x: x + vx * LOOK_AHEAD_S, y: y + vy * LOOK_AHEAD_S }]);
    const best = fit(points, this.screen);
    if (best) this.#aim = this.#is_framed ? calm(this.#aim, best, this.screen) : withMargin(best);
    this.#is_framed ||= best !== null;
    this.camera = glide(this.camera, this.#aim, seconds, settle_s);
  }
}
