// The smoothed movement of one player. Pure.
//
// `place` and `add` take the positions that arrive. `at`, called once a frame, returns where to draw the player. Positions
// arrive a few times a second and at uneven intervals. So a player is drawn a little late (see playhead.js), on a cubic Hermite
// curve between the two positions around that moment, which also uses their velocities. All moments are on the sender's clock,
// so that positions which arrive together are not drawn together. The Godot client has the same track.

import {
  CLOCK_MODULUS_MS,
  TRACK_BEND_MS,
  TRACK_CORRECTION_MOST_S,
  TRACK_CORRECTION_MOST_UNITS,
  TRACK_CORRECTION_MS,
  TRACK_DELAY_MOST_MS,
  TRACK_INTERVAL_LEAST_MS,
  TRACK_INTERVAL_MOST_MS,
  TRACK_INTERVAL_MS,
  TRACK_LONG_GAP,
  TRACK_REACH_MS,
  TRACK_SILENCE_MS,
  TRACK_SLOWEST_UNITS_PER_S,
  TRACK_STRAIGHT_S,
  TRACK_STRAIGHT_UNITS,
  TRACK_TELEPORT_TIMES,
  TRACK_TELEPORT_UNITS_PER_S,
} from "./constants.js";
import { isMoving } from "./motion.js";
import { Playhead } from "./playhead.js";
import { SenderClock } from "./sender_clock.js";

/** So many samples are kept of a player that is not drawn. */
const SAMPLES_KEPT = 32;

/**
 * @typedef {import("./messages.js").Position} Position
 * @typedef {{ x: number, y: number, z: number }} Point
 *
 * @typedef {object} Sample
 * @property {number} t_ms on the sender's clock, unwrapped; minus infinity: since an unknown time
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} z
 * @property {number} vz
 * @property {boolean} is_jump the player was teleported to this position
 *
 * @typedef {object} Drawn
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} z
 * @property {number} vz
 * @property {number} late_ms   how far in the past this is; NaN while the player is at rest
 * @property {boolean} is_still nothing changes until a position arrives
 */

/** Position and velocity on the curve from a to b; `s` is from 0 to 1. */
export function hermite(/** @type {Sample} */ a, /** @type {Sample} */ b, /** @type {number} */ s) {
  const seconds = (b.t_ms - a.t_ms) / 1000;
  const s2 = s * s;
  const s3 = s2 * s;
  const [h00, h10, h01, h11] = [2 * s3 - 3 * s2 + 1, s3 - 2 * s2 + s, 3 * s2 - 2 * s3, s3 - s2];
  const [d00, d10, d01, d11] = [6 * s2 - 6 * s, 3 * s2 - 4 * s + 1, 6 * s - 6 * s2, 3 * s2 - 2 * s];
  return {
    x: h00 * a.x + h10 * seconds * a.vx + h01 * b.x + h11 * seconds * b.vx,
    y: h00 * a.y + h10 * seconds * a.vy + h01 * b.y + h11 * seconds * b.vy,
    z: h00 * a.z + h10 * seconds * a.vz + h01 * b.z + h11 * seconds * b.vz,
    vx: (d00 * a.x + d01 * b.x) / seconds + d10 * a.vx + d11 * b.vx,
    vy: (d00 * a.y + d01 * b.y) / seconds + d10 * a.vy + d11 * b.vy,
    vz: (d00 * a.z + d01 * b.z) / seconds + d10 * a.vz + d11 * b.vz,
  };
}

/** The angle at `share` of the shorter turn between two angles. */
export function turn(/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ share) {
  let difference = (to - from) % (2 * Math.PI);
  if (difference > Math.PI) difference -= 2 * Math.PI;
  if (difference < -Math.PI) difference += 2 * Math.PI;
  return from + difference * share;
}

const isAtRest = (/** @type {{ vx: number, vy: number, vz: number }} */ motion) => !isMoving(motion);
const distance = (/** @type {Point} */ a, /** @type {Point} */ b) => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
const NOWHERE = { x: 0, y: 0, z: 0 };

/** @returns {Point} where a player is after so many seconds on a straight line */
const predicted = (/** @type {Sample} */ { x, y, z, vx, vy, vz }, /** @type {number} */ seconds) => ({
  x: x + vx * seconds,
  y: y + vy * seconds,
  z: z + vz * seconds,
});

/** Whether the player is close to the straight line that its last position predicted. */
function isNearPrediction(/** @type {Sample} */ last, /** @type {Sample} */ next) {
  const bound = Math.max(TRACK_STRAIGHT_UNITS, TRACK_STRAIGHT_S * Math.hypot(last.vx, last.vy, last.vz));
  return distance(predicted(last, (next.t_ms - last.t_ms) / 1000), next) < bound;
}

export class Track {
  /** @type {Sample[]} oldest first, times strictly rising */
  #samples = [];
  #clock = new SenderClock();
  /** @type {"" | "sender" | "server" | "arrival"} whose clock is used: the sender's if it sends one, else the server's */
  #source = "";
  #playhead = new Playhead();
  #has_velocity = false;
  #has_heading = false;
  #interval_ms = TRACK_INTERVAL_MS;
  #speed = 0;
  #asked_ms = NaN;
  #error = NOWHERE;
  #heading = 0;

  /**
   * Places the player at a position from `welcome` or `join`. A player that moves continues from there.
   * @param {Position} position
   * @param {number} age_ms    how long ago the lobby stored the position
   * @param {number} server_ms the server's clock; 0: not given
   * @param {number} arrival_ms the clock of this page
   * @param {boolean} [is_busy] as in `add`
   */
  place(position, age_ms, server_ms, arrival_ms, is_busy = false) {
    if (!isMoving(position)) this.#rest(position);
    else this.add(position, server_ms === 0 ? 0 : server_ms - age_ms, arrival_ms - age_ms, is_busy);
  }

  #rest(/** @type {Position} */ { x, y, h, z = 0 }) {
    const shown = this.#shown();
    if (h !== 0) this.#has_heading = true;
    const t_ms = Number.isNaN(this.#playhead.at_ms) ? -Infinity : this.#playhead.at_ms;
    this.#samples = [{ t_ms, x, y, vx: 0, vy: 0, h, z, vz: 0, is_jump: false }];
    this.#source = "";
    this.#soften(shown);
  }

  /**
   * @param {Position} position
   * @param {number} server_ms the server's clock; 0: not given
   * @param {number} arrival_ms the clock of this page
   * @param {boolean} [is_busy] the message may have waited for this page, not for the network: its lateness is ignored
   */
  add(position, server_ms, arrival_ms, is_busy = false) {
    const shown = this.#shown();
    const { x, y, vx, vy, h, z = 0, vz = 0 } = position;
    if (isMoving(position)) this.#has_velocity = true;
    if (h !== 0) this.#has_heading = true;
    const t_ms = this.#moment(position.t, server_ms, arrival_ms);
    /** @type {Sample} */
    const sample = { t_ms, x, y, vx, vy, h, z, vz, is_jump: false };
    const last = this.#samples.at(-1);
    if (last) {
      if (this.#clock.is_new) this.#restart(last, t_ms, shown);
      else if (t_ms < last.t_ms) return;
      else if (t_ms === last.t_ms) this.#samples.pop();
      else this.#bridge(last, sample, arrival_ms, is_busy);
    }
    const before = this.#samples.at(-1);
    if (before) sample.is_jump = this.#isJump(before, sample);
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    if (!this.#has_velocity) this.#estimateVelocities();
    this.#soften(shown);
  }

  /**
   * Where to draw the player. To be called in order of time.
   * @param {number} now_ms the clock of this page
   * @returns {Drawn | null} null: no position is known
   */
  at(now_ms) {
    const newest = this.#samples.at(-1);
    if (!newest) return null;
    const passed_ms = Number.isNaN(this.#asked_ms) ? 0 : Math.max(0, now_ms - this.#asked_ms);
    this.#asked_ms = now_ms;
    const decay = Math.exp(-passed_ms / TRACK_CORRECTION_MS);
    this.#error = { x: this.#error.x * decay, y: this.#error.y * decay, z: this.#error.z * decay };

    let late_ms = NaN;
    let is_over = true;
    /** @type {Point & { vx: number, vy: number, vz: number, h: number }} */
    let current = newest;
    if (this.#source === "") {
      this.#playhead.stop();
    } else {
      const here_ms = now_ms - this.#clock.offset_ms;
      this.#playhead.play(passed_ms, here_ms, isAtRest(newest) ? newest.t_ms : Infinity);
      const { at_ms } = this.#playhead;
      current = this.#sampleAt(at_ms);
      is_over = at_ms >= newest.t_ms && (isAtRest(newest) || at_ms - newest.t_ms > TRACK_REACH_MS);
      if (!is_over) late_ms = here_ms - at_ms;
    }
    const [vx, vy, vz] = is_over ? [0, 0, 0] : [current.vx, current.vy, current.vz];
    if (this.#has_heading) this.#heading = current.h;
    else if (Math.hypot(vx, vy) > TRACK_SLOWEST_UNITS_PER_S) this.#heading = turn(this.#heading, Math.atan2(vy, vx), 0.25);
    const is_still = is_over && distance(this.#error, NOWHERE) < 0.001;
    const [x, y, z] = [current.x + this.#error.x, current.y + this.#error.y, current.z + this.#error.z];
    return { x, y, vx, vy, h: this.#heading, z, vz, late_ms, is_still };
  }

  /** The time of a message, on the clock that this track uses. */
  #moment(/** @type {number} */ t, /** @type {number} */ server_ms, /** @type {number} */ arrival_ms) {
    const source = t !== 0 || this.#source === "sender" ? "sender" : server_ms !== 0 ? "server" : "arrival";
    if (source !== this.#source) {
      this.#source = source;
      this.#clock = new SenderClock(source === "sender" ? CLOCK_MODULUS_MS : 0);
    }
    return this.#clock.received({ sender: t, server: server_ms, arrival: arrival_ms }[source], arrival_ms);
  }

  /** The samples are on another clock. Keeps the position on the screen, and starts the movement one interval before `t_ms`. */
  #restart(/** @type {Sample} */ last, /** @type {number} */ t_ms, /** @type {Point | null} */ shown) {
    const { x, y, z } = shown ?? last;
    this.#samples = [{ t_ms: t_ms - this.#interval_ms, x, y, vx: 0, vy: 0, h: last.h, z, vz: 0, is_jump: false }];
    this.#playhead.stop();
  }

  /** Adds a sample in a gap that a single curve would draw wrongly. Measures the interval and the needed delay. */
  #bridge(/** @type {Sample} */ last, /** @type {Sample} */ next, /** @type {number} */ arrival_ms, /** @type {boolean} */ is_busy) {
    const gap_ms = next.t_ms - last.t_ms;
    let from_ms = last.t_ms;
    const was_at_rest = isAtRest(last) && this.#has_velocity && gap_ms > 1.5 * this.#interval_ms;
    if (gap_ms > TRACK_SILENCE_MS || was_at_rest) {
      // The player was at rest, or its movement is unknown: draw the movement in the last interval of the gap only.
      const hold = predicted(last, Math.min(gap_ms - this.#interval_ms, TRACK_REACH_MS) / 1000);
      const t_ms = next.t_ms - this.#interval_ms;
      if (t_ms > last.t_ms) this.#samples.push({ ...last, ...hold, vx: 0, vy: 0, vz: 0, t_ms, is_jump: false });
      return;
    }
    if (this.#has_velocity && gap_ms > 2 * TRACK_BEND_MS && isNearPrediction(last, next)) {
      // One curve over the whole gap would begin the bend at once. The bend began shortly before the message was sent.
      from_ms = next.t_ms - TRACK_BEND_MS;
      this.#samples.push({ ...last, ...predicted(last, (from_ms - last.t_ms) / 1000), t_ms: from_ms, is_jump: false });
    }
    if (!is_busy) {
      from_ms = Math.max(from_ms, next.t_ms - TRACK_LONG_GAP * this.#interval_ms);
      this.#playhead.need(arrival_ms - this.#clock.offset_ms - from_ms, arrival_ms);
    }
    const interval_ms = Math.min(Math.max(gap_ms, TRACK_INTERVAL_LEAST_MS), TRACK_INTERVAL_MOST_MS);
    this.#interval_ms += 0.2 * (interval_ms - this.#interval_ms);
  }

  #isJump(/** @type {Sample} */ last, /** @type {Sample} */ next) {
    const speed = distance(last, next) / (Math.max(next.t_ms - last.t_ms, 1) / 1000);
    const expected = Math.max(Math.hypot(next.vx, next.vy, next.vz), Math.hypot(last.vx, last.vy, last.vz), this.#speed);
    this.#speed = speed;
    return speed > TRACK_TELEPORT_UNITS_PER_S && speed > TRACK_TELEPORT_TIMES * expected;
  }

  /** Estimates the velocities of a player that sends none, from the positions before and after (a Catmull-Rom spline). */
  #estimateVelocities() {
    const from = Math.max(1, this.#samples.length - 2);
    for (let i = from; i < this.#samples.length; i++) {
      const [before, here, after] = [this.#samples[i - 1], this.#samples[i], this.#samples[i + 1] ?? this.#samples[i]];
      const seconds = (after.t_ms - before.t_ms) / 1000;
      const is_still = here.is_jump || after.is_jump || distance(here, before) === 0;
      here.vx = is_still || seconds === Infinity ? 0 : (after.x - before.x) / seconds;
      here.vy = is_still || seconds === Infinity ? 0 : (after.y - before.y) / seconds;
      here.vz = is_still || seconds === Infinity ? 0 : (after.z - before.z) / seconds;
    }
  }

  /** The movement at a moment of the sender's clock. */
  #sampleAt(/** @type {number} */ t_ms) {
    const samples = this.#samples;
    const newest = samples[samples.length - 1];
    if (t_ms >= newest.t_ms) {
      const ahead_ms = this.#has_velocity ? Math.min(t_ms - newest.t_ms, TRACK_REACH_MS) : 0;
      return { ...newest, ...predicted(newest, ahead_ms / 1000) };
    }
    while (samples.length > 2 && samples[1].t_ms <= t_ms) samples.shift(); // older samples are not read again
    const [a, b] = [samples[0], samples[Math.min(1, samples.length - 1)]];
    if (b.is_jump || a.t_ms === -Infinity) return { ...a, vx: 0, vy: 0, vz: 0 };
    // The first position is newer than the moment on the screen: its velocity shows where the player came from.
    if (t_ms < a.t_ms) return { ...a, ...predicted(a, Math.max(t_ms - a.t_ms, -TRACK_DELAY_MOST_MS) / 1000) };
    const s = (t_ms - a.t_ms) / (b.t_ms - a.t_ms);
    return { ...hermite(a, b, s), h: turn(a.h, b.h, s) };
  }

  /** The position on the screen before a new position is added. @returns {Point | null} */
  #shown() {
    if (Number.isNaN(this.#playhead.at_ms) || this.#samples.length === 0) return null;
    const { x, y, z } = this.#sampleAt(this.#playhead.at_ms);
    return { x: x + this.#error.x, y: y + this.#error.y, z: z + this.#error.z };
  }

  /** A new position may show that a prediction was wrong. The difference is corrected gradually, unless it is a teleport. */
  #soften(/** @type {Point | null} */ shown) {
    if (!shown || Number.isNaN(this.#playhead.at_ms)) return;
    const { x, y, z } = this.#sampleAt(this.#playhead.at_ms);
    this.#error = { x: shown.x - x, y: shown.y - y, z: shown.z - z };
    const most = Math.max(TRACK_CORRECTION_MOST_UNITS, TRACK_CORRECTION_MOST_S * this.#speed);
    if (distance(this.#error, NOWHERE) > most) this.#error = NOWHERE;
  }
}
