// Draws the field on its canvas: ships, trails, names, grid. It knows neither sockets nor rules. It is fast enough for 200
// ships: glows and texts are drawn once and copied, a trail is a few strokes, and names are written only where there is room.

import { gridStep, middle, toScreen } from "./camera.js";
import { THEMES, playerColour } from "./colour.js";
import { place } from "./labels.js";

/**
 * @typedef {import("./camera.js").Camera} Camera
 * @typedef {import("./camera.js").Screen} Screen
 * @typedef {typeof THEMES.dark} Theme
 *
 * @typedef {object} Drawable
 * @property {string} id
 * @property {string} name
 * @property {string} status
 * @property {number} tint
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} z height: the ship is drawn above its shadow
 * @property {boolean} is_me
 * @property {boolean} is_marked the camera follows it, or the pointer is on its row in the list
 *
 * @typedef {object} Scene
 * @property {number} now_ms
 * @property {Camera} camera
 * @property {Screen} screen
 * @property {Drawable[]} ships
 * @property {boolean} is_dark
 * @property {boolean} is_calm prefers-reduced-motion: no trails, nothing fades
 * @property {boolean} is_pale not connected: the drawn positions are old
 * @property {import("./input.js").DragStick | null} stick of a finger
 *
 * @typedef {object} Sprite
 * @property {HTMLCanvasElement} canvas
 * @property {number} width  CSS pixels
 * @property {number} height
 *
 * @typedef {{ x: number, y: number, at_ms: number }} TrailPoint
 */

const TRAIL_MS = 3_000;
const TRAIL_STEP_MS = 55;
const SPRITES_MOST = 900;
/** So many pictures are measured. */
const COSTS_KEPT = 240;
const PLACING_MS = 120;
const FADE_MS = 220;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
const TAU = 2 * Math.PI;

/** A ship that points to the right, about one unit long. It is scaled and turned for each ship. */
const HULL = new Path2D("M1 0 L-0.78 0.66 L-0.4 0 L-0.78 -0.66 Z");

/** How far above its shadow a ship is drawn, in pixels: half its height, and no more than this. */
const LIFT_MOST_PX = 90;
const liftOf = (/** @type {number} */ z, /** @type {number} */ scale) =>
  Math.abs(z) < 0.05 ? 0 : Math.max(-LIFT_MOST_PX, Math.min(LIFT_MOST_PX, z * scale * 0.5));

export class Painter {
  /** @type {Map<string, Sprite>} */
  #sprites = new Map();
  /** @type {Map<string, TrailPoint[]>} */
  #trails = new Map();
  /** @type {Map<string, number>} how visible each name is, 0 to 1 */
  #visible = new Map();
  /** @type {Set<string>} */
  #named = new Set();
  /** @type {Map<string, number>} */
  #away_until = new Map();
  #placed_ms = -Infinity;
  #drawn_ms = NaN;
  #ground_key = "";
  #ground = document.createElement("canvas");
  #dense = 1;
  /** Distance between ships on the screen, in pixels. It changes gradually, so that nothing flickers. */
  #room_px = 100;

  /** What the last picture showed, and how long drawing it took. */
  #last = { cost_ms: 0, ships: 0, names: 0, trails: 0 };
  #frames = 0;
  /** @type {number[]} */
  #costs_ms = [];

  constructor(/** @type {HTMLCanvasElement} */ canvas) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  }

  /** Sets the size in CSS pixels; `dense` is device pixels per CSS pixel. @returns {boolean} whether anything changed */
  resize(/** @type {number} */ width, /** @type {number} */ height, /** @type {number} */ dense) {
    const [w, h] = [Math.max(1, Math.round(width * dense)), Math.max(1, Math.round(height * dense))];
    if (this.canvas.width === w && this.canvas.height === h) return false;
    this.canvas.width = w;
    this.canvas.height = h;
    if (dense !== this.#dense) this.#sprites.clear();
    this.#dense = dense;
    return true;
  }

  /** How many pictures were drawn, what the last one showed, and how long the last ones took. */
  get figures() {
    const sorted = [...this.#costs_ms].sort((a, b) => a - b);
    return { frames: this.#frames, ...this.#last, median_cost_ms: sorted[sorted.length >> 1] ?? 0, worst_cost_ms: sorted.at(-1) ?? 0 };
  }

  /** Removes a player's trail and name, for example in another room. */
  forget(/** @type {string} */ id) {
    this.#trails.delete(id);
    this.#visible.delete(id);
  }

  /** @returns {boolean} whether the picture changes although no player moves */
  draw(/** @type {Scene} */ scene) {
    const began_ms = performance.now();
    const theme = scene.is_dark ? THEMES.dark : THEMES.light;
    const passed_ms = Number.isNaN(this.#drawn_ms) ? 16 : Math.min(200, scene.now_ms - this.#drawn_ms);
    this.#drawn_ms = scene.now_ms;
    const pen = this.pen;
    pen.setTransform(this.#dense, 0, 0, this.#dense, 0, 0);
    pen.globalCompositeOperation = "source-over";
    pen.globalAlpha = 1;
    this.#paintGround(scene, theme);
    this.#paintGrid(scene, theme);
    this.#recordTrails(scene);

    const seen = scene.ships
      .map((ship) => ({ ship, at: toScreen(scene.camera, scene.screen, ship) }))
      .filter(({ at }) => at.x > -80 && at.y > -80 && at.x < scene.screen.width + 80 && at.y < scene.screen.height + 80);
    const room_px = roomBetween(seen);
    this.#room_px += (room_px - this.#room_px) * (Math.abs(room_px / this.#room_px - 1) > 0.5 ? 1 : passed_ms / 600);
    const size = shipSize(scene.camera.scale, this.#room_px);
    const is_trailing = scene.is_calm ? false : this.#paintTrails(scene, theme, seen, size);
    for (const { ship, at } of seen) this.#paintShip(scene, theme, ship, at, size, scene.camera.scale);
    const fading = this.#paintNames(scene, theme, seen, size, passed_ms);
    this.#paintScale(scene, theme);
    if (scene.stick) this.#paintStick(scene.stick, theme);
    this.#last = { cost_ms: performance.now() - began_ms, ships: seen.length, names: this.#named.size, trails: this.#trails.size };
    this.#frames += 1;
    this.#costs_ms.push(this.#last.cost_ms);
    if (this.#costs_ms.length > COSTS_KEPT) this.#costs_ms.shift();
    return is_trailing || fading;
  }

  #paintGround(/** @type {Scene} */ { screen }, /** @type {Theme} */ theme) {
    const { width, height } = this.canvas;
    const key = `${theme.dark}|${width}|${height}|${screen.left}|${screen.right}|${screen.top}|${screen.bottom}`;
    if (key !== this.#ground_key) {
      this.#ground_key = key;
      [this.#ground.width, this.#ground.height] = [width, height];
      const pen = /** @type {CanvasRenderingContext2D} */ (this.#ground.getContext("2d", { alpha: false }));
      const centre = middle(screen);
      const [x, y] = [centre.x * this.#dense, centre.y * this.#dense];
      const light = pen.createRadialGradient(x, y, 0, x, y, Math.hypot(width, height) * 0.55);
      light.addColorStop(0, theme.glow);
      light.addColorStop(1, theme.ground);
      pen.fillStyle = light;
      pen.fillRect(0, 0, width, height);
    }
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.drawImage(this.#ground, 0, 0);
    this.pen.setTransform(this.#dense, 0, 0, this.#dense, 0, 0);
  }

  #paintGrid(/** @type {Scene} */ { camera, screen }, /** @type {Theme} */ theme) {
    const pen = this.pen;
    const major = gridStep(camera.scale, 110);
    const [corner_x, corner_y] = [camera.x - middle(screen).x / camera.scale, camera.y - middle(screen).y / camera.scale];
    pen.lineWidth = 1;
    for (const [step, alpha] of [[major / 5, 0.045 * Math.min(1, (camera.scale * major) / 5 / 40)], [major, theme.dark ? 0.085 : 0.11]]) {
      pen.beginPath();
      for (let i = Math.ceil(corner_x / step); (i * step - corner_x) * camera.scale < screen.width; i++) {
        const x = Math.round((i * step - corner_x) * camera.scale) + 0.5;
        pen.moveTo(x, 0);
        pen.lineTo(x, screen.height);
      }
      for (let i = Math.ceil(corner_y / step); (i * step - corner_y) * camera.scale < screen.height; i++) {
        const y = Math.round((i * step - corner_y) * camera.scale) + 0.5;
        pen.moveTo(0, y);
        pen.lineTo(screen.width, y);
      }
      pen.strokeStyle = `rgb(${theme.line} / ${alpha})`;
      pen.stroke();
    }
    // The origin of the coordinates.
    const origin = toScreen(camera, screen, { x: 0, y: 0 });
    pen.beginPath();
    for (let ring = 1; ring <= 2; ring++) {
      const radius = ring * major * camera.scale;
      pen.moveTo(origin.x + radius, origin.y);
      pen.arc(origin.x, origin.y, radius, 0, TAU);
    }
    pen.strokeStyle = `rgb(${theme.line} / ${theme.dark ? 0.1 : 0.13})`;
    pen.stroke();
    pen.beginPath();
    pen.moveTo(origin.x - 7, origin.y + 0.5);
    pen.lineTo(origin.x + 7, origin.y + 0.5);
    pen.moveTo(origin.x + 0.5, origin.y - 7);
    pen.lineTo(origin.x + 0.5, origin.y + 7);
    pen.strokeStyle = `rgb(${theme.line} / 0.42)`;
    pen.stroke();
  }

  /** Records where each player has been. */
  #recordTrails(/** @type {Scene} */ { ships, now_ms, is_calm }) {
    if (is_calm) {
      this.#trails.clear();
      return;
    }
    const here = new Set();
    for (const ship of ships) {
      here.add(ship.id);
      let trail = this.#trails.get(ship.id);
      if (!trail) this.#trails.set(ship.id, (trail = []));
      const last = trail[trail.length - 1];
      const far = last ? Math.hypot(ship.x - last.x, ship.y - last.y) : Infinity;
      if (last && far > 5 && far > (400 * (now_ms - last.at_ms)) / 1000) trail.length = 0; // a teleport leaves no trail
      if (!last || (far > 0.04 && now_ms - last.at_ms >= TRAIL_STEP_MS)) trail.push({ x: ship.x, y: ship.y, at_ms: now_ms });
      let old = 0;
      while (old < trail.length - 1 && now_ms - trail[old].at_ms > TRAIL_MS) old++;
      if (old > 0) trail.splice(0, old);
    }
    for (const id of this.#trails.keys()) if (!here.has(id)) this.#trails.delete(id);
  }

  #paintTrails(
    /** @type {Scene} */ { camera, screen, now_ms, is_dark, is_pale },
    /** @type {Theme} */ theme,
    /** @type {{ ship: Drawable, at: { x: number, y: number } }[]} */ seen,
    /** @type {number} */ size,
  ) {
    const pen = this.pen;
    const bands = seen.length > 80 ? 4 : seen.length > 30 ? 10 : 18;
    const strength = between(this.#room_px, 12, 60, 0.55, 1);
    const centre = middle(screen);
    const [dx, dy] = [centre.x - camera.x * camera.scale, centre.y - camera.y * camera.scale];
    let is_trailing = false;
    pen.lineCap = "butt";
    pen.lineJoin = "round";
    for (const { ship, at } of seen) {
      const trail = this.#trails.get(ship.id);
      if (!trail || trail.length < 2) continue;
      let i = trail.length - 1;
      let [x, y] = [at.x, at.y];
      pen.strokeStyle = `rgb(${playerColour(ship.tint, theme.dark)})`;
      for (let band = 0; band < bands && i >= 0; band++) {
        const share = 1 - (band + 0.5) / bands;
        const until_ms = now_ms - (TRAIL_MS * (band + 1)) / bands;
        pen.beginPath();
        pen.moveTo(x, y);
        for (; i >= 0 && trail[i].at_ms >= until_ms; i--) {
          [x, y] = [trail[i].x * camera.scale + dx, trail[i].y * camera.scale + dy];
          pen.lineTo(x, y);
        }
        pen.lineWidth = Math.max(0.8, size * 0.42 * (0.35 + 0.65 * share));
        pen.globalAlpha = share ** 1.7 * (is_dark ? 0.62 : 0.5) * strength * (is_pale ? 0.4 : 1);
        pen.stroke();
      }
      is_trailing ||= now_ms - trail[trail.length - 1].at_ms < TRAIL_MS;
    }
    pen.globalAlpha = 1;
    return is_trailing;
  }

  #paintShip(
    /** @type {Scene} */ { is_dark, is_pale },
    /** @type {Theme} */ theme,
    /** @type {Drawable} */ ship,
    /** @type {{ x: number, y: number }} */ at,
    /** @type {number} */ size,
    /** @type {number} */ scale,
  ) {
    const pen = this.pen;
    const r = ship.is_me ? size * 1.15 : size;
    const ground = at;
    const lift = liftOf(ship.z, scale);
    if (lift !== 0) {
      at = { x: ground.x, y: ground.y - lift };
      pen.globalAlpha = is_pale ? 0.2 : 0.5;
      pen.fillStyle = pen.strokeStyle = `rgb(${theme.me} / 0.5)`;
      pen.beginPath();
      pen.ellipse(ground.x, ground.y, r * 0.8, r * 0.4, 0, 0, TAU);
      pen.fill();
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(ground.x, ground.y);
      pen.lineTo(at.x, at.y);
      pen.stroke();
    }
    const colour = playerColour(ship.tint, theme.dark);
    const glow = this.#glow(ship.tint, theme);
    // Where many ships meet, their glows must not add up to a bright spot.
    pen.globalAlpha = (is_dark ? 0.85 : 0.4) * between(this.#room_px, 18, 70, 0.12, 1) * (is_pale ? 0.3 : 1);
    if (is_dark) pen.globalCompositeOperation = "lighter";
    pen.drawImage(glow.canvas, at.x - r * 3, at.y - r * 3, r * 6, r * 6);
    pen.globalCompositeOperation = "source-over";
    pen.globalAlpha = is_pale ? 0.45 : 1;

    const k = this.#dense;
    pen.setTransform(k * r * Math.cos(ship.h), k * r * Math.sin(ship.h), -k * r * Math.sin(ship.h), k * r * Math.cos(ship.h), k * at.x, k * at.y);
    pen.fillStyle = `rgb(${colour})`;
    pen.fill(HULL);
    pen.lineWidth = 0.16; // rounds the corners
    pen.lineJoin = "round";
    pen.strokeStyle = pen.fillStyle;
    pen.stroke(HULL);
    pen.setTransform(k, 0, 0, k, 0, 0);

    if (ship.is_me) {
      pen.beginPath();
      pen.arc(at.x, at.y, r * 2.1, 0, TAU);
      pen.lineWidth = 1.25;
      pen.strokeStyle = `rgb(${theme.me} / 0.55)`;
      pen.stroke();
    }
    if (ship.is_marked) {
      const reach = r * (ship.is_me ? 2.9 : 2.3);
      const arm = reach * 0.45;
      pen.beginPath();
      for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
        pen.moveTo(at.x + sx * reach, at.y + sy * (reach - arm));
        pen.lineTo(at.x + sx * reach, at.y + sy * reach);
        pen.lineTo(at.x + sx * (reach - arm), at.y + sy * reach);
      }
      pen.lineWidth = 1.5;
      pen.strokeStyle = `rgb(${theme.me} / 0.8)`;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  #paintNames(
    /** @type {Scene} */ { now_ms, screen, is_calm, is_pale },
    /** @type {Theme} */ theme,
    /** @type {{ ship: Drawable, at: { x: number, y: number } }[]} */ seen,
    /** @type {number} */ size,
    /** @type {number} */ passed_ms,
  ) {
    const pen = this.pen;
    const labels = seen.map(({ ship, at }) => {
      const name = this.#text(ship.name, ship.is_me || ship.is_marked ? "strong" : "name", theme);
      const status = ship.status ? this.#text(ship.status, "status", theme) : null;
      const r = ship.is_me ? size * 2.1 : size;
      return { ship, at, name, status, r };
    });
    if (now_ms - this.#placed_ms >= PLACING_MS) {
      this.#placed_ms = now_ms;
      const boxes = [];
      for (const { ship, at, name, status, r } of labels) {
        const rank = ship.is_me ? 0 : ship.is_marked ? 1 : 3;
        boxes.push({ id: `n${ship.id}`, ship: ship.id, x: at.x - name.width / 2, y: at.y + r + 2, width: name.width, height: name.height, rank });
        if (status) {
          const y = at.y - r - 6 - status.height;
          boxes.push({ id: `s${ship.id}`, ship: ship.id, x: at.x - status.width / 2, y, width: status.width, height: status.height, rank: rank > 1 ? 4 : rank });
        }
      }
      // Names and statuses do not cover ships of other players.
      const half = size * 0.6;
      const hulls = labels.map(({ ship, at }) => ({ id: ship.id, ship: ship.id, x: at.x - half, y: at.y - half, width: 2 * half, height: 2 * half, rank: 0 }));
      const before = this.#named;
      const rested = boxes.filter(({ id, rank }) => rank <= 1 || !(now_ms < (this.#away_until.get(id) ?? 0)));
      this.#named = place(rested, before, screen, hulls);
      // A name that lost its place does not come back at once: in a crowd it would flicker.
      const pause_ms = this.#room_px < 60 ? 900 : 400;
      for (const id of before) if (!this.#named.has(id)) this.#away_until.set(id, now_ms + pause_ms);
      if (this.#away_until.size > 2_000) this.#away_until.clear();
    }
    let fading = false;
    const fade = (/** @type {string} */ id) => {
      const wanted = this.#named.has(id) ? 1 : 0;
      let now = this.#visible.get(id) ?? 0;
      if (now !== wanted) {
        const step = is_calm ? 1 : passed_ms / FADE_MS;
        now = wanted > now ? Math.min(1, now + step) : Math.max(0, now - step);
        this.#visible.set(id, now);
        fading = true;
      }
      return now;
    };
    for (const { ship, at, name, status, r } of labels) {
      const shown = fade(`n${ship.id}`);
      if (shown > 0) {
        pen.globalAlpha = shown * (is_pale ? 0.5 : 1);
        this.#copy(name, at.x - name.width / 2, at.y + r + 2);
      }
      const opacity = status ? fade(`s${ship.id}`) : 0;
      if (status && opacity > 0) {
        pen.globalAlpha = opacity * (is_pale ? 0.5 : 1);
        this.#copy(status, at.x - status.width / 2, at.y - r - 6 - status.height);
      }
    }
    pen.globalAlpha = 1;
    if (this.#visible.size > 4 * labels.length + 100) this.#visible.clear();
    return fading;
  }

  #paintScale(/** @type {Scene} */ { camera, screen }, /** @type {Theme} */ theme) {
    const pen = this.pen;
    const units = gridStep(camera.scale, 70);
    const width = units * camera.scale;
    const [x, y] = [screen.left + 20, Math.round(screen.height - screen.bottom - 20) + 0.5];
    pen.strokeStyle = theme.muted;
    pen.lineWidth = 1.25;
    pen.beginPath();
    pen.moveTo(x, y - 5);
    pen.lineTo(x, y);
    pen.lineTo(x + width, y);
    pen.lineTo(x + width, y - 5);
    pen.stroke();
    const text = this.#text(`${units.toLocaleString("en", { maximumFractionDigits: 6 })} ${units === 1 ? "unit" : "units"}`, "scale", theme);
    this.#copy(text, x + width + 4, y - text.height + 5);
  }

  #paintStick(/** @type {NonNullable<Scene["stick"]>} */ { x, y, dx, dy }, /** @type {Theme} */ theme) {
    const pen = this.pen;
    const length = Math.hypot(dx, dy) || 1;
    const reach = Math.min(length, 56) / length;
    pen.lineWidth = 1.5;
    pen.strokeStyle = `rgb(${theme.me} / 0.35)`;
    pen.fillStyle = `rgb(${theme.me} / 0.08)`;
    pen.beginPath();
    pen.arc(x, y, 56, 0, TAU);
    pen.fill();
    pen.stroke();
    pen.fillStyle = `rgb(${theme.me} / 0.4)`;
    pen.beginPath();
    pen.arc(x + dx * reach, y + dy * reach, 22, 0, TAU);
    pen.fill();
  }

  #copy(/** @type {Sprite} */ sprite, /** @type {number} */ x, /** @type {number} */ y) {
    // Whole device pixels, otherwise the text is blurred.
    const k = this.#dense;
    this.pen.drawImage(sprite.canvas, Math.round(x * k) / k, Math.round(y * k) / k, sprite.width, sprite.height);
  }

  /** @returns {Sprite} */
  #glow(/** @type {number} */ tint, /** @type {Theme} */ theme) {
    return this.#sprite(`glow|${tint}|${theme.dark}`, () => {
      const size = 64;
      const [canvas, pen] = this.#blank(size, size);
      const colour = playerColour(tint, theme.dark);
      const light = pen.createRadialGradient(size / 2, size / 2, 0, size / 2, size / 2, size / 2);
      light.addColorStop(0, `rgb(${colour} / 0.5)`);
      light.addColorStop(0.25, `rgb(${colour} / 0.26)`);
      light.addColorStop(0.55, `rgb(${colour} / 0.07)`);
      light.addColorStop(1, `rgb(${colour} / 0)`);
      pen.fillStyle = light;
      pen.fillRect(0, 0, size, size);
      return { canvas, width: size, height: size };
    });
  }

  /** @returns {Sprite} */
  #text(/** @type {string} */ words, /** @type {"name" | "strong" | "status" | "scale"} */ kind, /** @type {Theme} */ theme) {
    return this.#sprite(`${kind}|${theme.dark}|${words}`, () => {
      const font = { name: `12px ${FONT}`, strong: `600 12.5px ${FONT}`, status: `11px ${FONT}`, scale: `11.5px ${FONT}` }[kind];
      this.pen.font = font;
      const short = shorten(words, (text) => this.pen.measureText(text).width, kind === "strong" ? 240 : 132);
      const pad = kind === "status" ? 7 : 4;
      const width = Math.ceil(this.pen.measureText(short).width) + 2 * pad;
      const height = 18;
      const [canvas, pen] = this.#blank(width, height + (kind === "status" ? 4 : 0));
      pen.font = font;
      pen.textBaseline = "middle";
      if (kind === "status") {
        pen.beginPath();
        pen.roundRect(0.75, 0.75, width - 1.5, height - 1.5, (height - 1.5) / 2);
        pen.fillStyle = `rgb(${theme.plate} / 0.92)`;
        pen.fill();
        pen.strokeStyle = `rgb(${theme.line} / 0.35)`;
        pen.stroke();
        pen.beginPath(); // the tip that points to the ship
        pen.moveTo(width / 2 - 3.5, height - 0.6);
        pen.lineTo(width / 2, height + 3);
        pen.lineTo(width / 2 + 3.5, height - 0.6);
        pen.fillStyle = `rgb(${theme.line} / 0.45)`;
        pen.fill();
        pen.fillStyle = theme.ink;
        pen.fillText(short, pad, height / 2 + 0.5);
      } else {
        // An outline in the colour of the ground keeps the text legible over trails and grid.
        pen.lineJoin = "round";
        pen.lineWidth = 3;
        pen.strokeStyle = theme.ground;
        pen.globalAlpha = 0.85;
        pen.strokeText(short, pad, height / 2 + 0.5);
        pen.globalAlpha = 1;
        pen.fillStyle = kind === "strong" ? theme.ink : theme.muted;
        pen.fillText(short, pad, height / 2 + 0.5);
      }
      return { canvas, width, height: canvas.height / this.#dense };
    });
  }

  /** @returns {[HTMLCanvasElement, CanvasRenderingContext2D]} */
  #blank(/** @type {number} */ width, /** @type {number} */ height) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(width * this.#dense);
    canvas.height = Math.ceil(height * this.#dense);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.scale(this.#dense, this.#dense);
    return [canvas, pen];
  }

  /** @returns {Sprite} */
  #sprite(/** @type {string} */ key, /** @type {() => Sprite} */ make) {
    let sprite = this.#sprites.get(key);
    if (!sprite) {
      if (this.#sprites.size >= SPRITES_MOST) this.#sprites.clear();
      this.#sprites.set(key, (sprite = make()));
    }
    return sprite;
  }
}

/** Half the size of a ship, in pixels: its true size when near, smaller in a crowd, but large enough to show its heading. */
const shipSize = (/** @type {number} */ scale, /** @type {number} */ room_px) =>
  Math.min(13, Math.max(Math.min(6, Math.max(3.4, room_px * 0.16)), scale * 0.85));

/** A value between `low` (at `from`) and `high` (at `to`). */
function between(/** @type {number} */ value, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ low, /** @type {number} */ high) {
  return low + (high - low) * Math.min(1, Math.max(0, (value - from) / (to - from)));
}

function roomBetween(/** @type {{ at: { x: number, y: number } }[]} */ seen) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { at } of seen) {
    left = Math.min(left, at.x);
    right = Math.max(right, at.x);
    top = Math.min(top, at.y);
    bottom = Math.max(bottom, at.y);
  }
  return seen.length < 8 ? 100 : Math.sqrt((Math.max(right - left, 40) * Math.max(bottom - top, 40)) / seen.length);
}

function shorten(/** @type {string} */ words, /** @type {(text: string) => number} */ width, /** @type {number} */ most) {
  if (width(words) <= most) return words;
  const letters = [...words];
  while (letters.length > 1 && width(`${letters.join("")}…`) > most) letters.pop();
  return `${letters.join("").trimEnd()}…`;
}
