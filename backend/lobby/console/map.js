// The map of a room, drawn by the viewer's painter. It always shows all players of the room.

import { calm, fit, glide, withMargin } from "../viewer/camera.js";
import { Painter } from "../viewer/drawing.js";
import { $, setAttribute } from "../viewer/elements.js";
import { Motion } from "./motion.js";

/** How long two thirds of a movement of the camera take, in seconds. */
const SETTLE_S = 0.25;
/** With more ships only the marked one has a name: most names would find no place, and making their pictures is slow. */
const NAMED_MOST = 250;
/** With more ships there are no trails. */
const TRAILING_MOST = 500;
/** Where the camera is while no player has a position. */
const HOME = { x: 0, y: 0, scale: 12 };

export class RoomMap {
  #canvas = $("map", HTMLCanvasElement);
  #painter = new Painter(this.#canvas);
  #motion = new Motion();
  #less_motion = matchMedia("(prefers-reduced-motion: reduce)");
  #screen = { width: 1, height: 1, top: 0, right: 0, bottom: 0, left: 0 };
  #camera = HOME;
  #aim = HOME;
  #is_new = true;
  #is_stale = true;
  #drawn_ms = NaN;
  /** @type {import("./api.js").PlayerView[]} */
  #players = [];
  #texts = "";
  /** Of players by id, and which one is marked. */
  #look = { tint: (/** @type {string} */ _) => 0, marked: "" };

  /** @param {() => boolean} isDark */
  constructor(isDark) {
    this.isDark = isDark;
    new ResizeObserver(() => this.#measure()).observe($("map-box"));
    this.#measure();
    const frame = (/** @type {number} */ _) => {
      requestAnimationFrame(frame);
      this.#draw(performance.now());
    };
    requestAnimationFrame(frame);
  }

  /** What was drawn, for tests. */
  get figures() {
    return this.#painter.figures;
  }

  /** Another room: its map begins anew. */
  begin() {
    this.#motion.clear();
    this.#players = [];
    this.#is_new = true;
    this.redraw();
  }

  /** @param {import("./api.js").PlayerView[]} players @param {(id: string) => number} tint @param {string} label */
  take(players, tint, label) {
    this.#players = players;
    this.#look.tint = tint;
    this.#motion.take(players, performance.now());
    setAttribute(this.#canvas, "aria-label", label);
    const texts = JSON.stringify(players.map(({ id, name, status, position }) => [id, name, status, position === null]));
    if (texts !== this.#texts) this.redraw(); // movements are drawn anyway
    this.#texts = texts;
  }

  mark(/** @type {string} */ id) {
    this.#look.marked = id;
    this.redraw();
  }

  redraw() {
    this.#is_stale = true;
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = $("map-box");
    this.#screen = { ...this.#screen, width: Math.max(1, width), height: Math.max(1, height) };
    this.#painter.resize(this.#screen.width, this.#screen.height, Math.min(3, window.devicePixelRatio || 1));
    this.#is_new = true;
    this.redraw();
  }

  #draw(/** @type {number} */ now_ms) {
    const seconds = Number.isNaN(this.#drawn_ms) ? 0.016 : Math.min(0.2, (now_ms - this.#drawn_ms) / 1000);
    this.#drawn_ms = now_ms;
    const drawn = this.#motion.at(now_ms);
    /** @type {import("../viewer/drawing.js").Drawable[]} */
    const ships = [];
    for (const { id, name, status } of this.#players) {
      const at = drawn.get(id);
      if (!at) continue;
      const is_marked = id === this.#look.marked;
      const texts = drawn.size <= NAMED_MOST || is_marked ? { name, status } : { name: "", status: "" };
      ships.push({ ...at, ...texts, id, tint: this.#look.tint(id), is_me: false, is_marked });
    }
    const before = this.#camera;
    this.#moveCamera(ships, seconds);
    const is_moving = [...drawn.values()].some(({ is_still }) => !is_still) || this.#camera !== before;
    if (!is_moving && !this.#is_stale) return; // the picture would be the same
    const look = { is_dark: this.isDark(), is_calm: this.#less_motion.matches || ships.length > TRAILING_MOST, is_pale: false, stick: null };
    this.#is_stale = this.#painter.draw({ now_ms, camera: this.#camera, screen: this.#screen, ships, ...look });
  }

  #moveCamera(/** @type {import("../viewer/camera.js").Point[]} */ ships, /** @type {number} */ seconds) {
    const best = fit(ships, this.#screen);
    if (!best) return;
    if (this.#is_new) {
      this.#camera = this.#aim = withMargin(best);
      this.#is_new = false;
    }
    this.#aim = calm(this.#aim, best, this.#screen);
    this.#camera = glide(this.#camera, this.#aim, seconds, this.#less_motion.matches ? 0 : SETTLE_S);
  }
}
