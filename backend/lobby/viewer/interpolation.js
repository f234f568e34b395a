// Where a ship is drawn. Positions arrive a few times a second and unevenly; drawn as they arrive they stutter. So each
// ship is drawn a little late, on a cubic Hermite curve between the two positions around that moment, which also uses
// the velocities: at 5 positions a second that is within a hundredth of the sender's own path.
//
// Moments are the sender's own (`t`), so that bunched arrivals do not show. Nothing here reads a clock.

/** `t` travels modulo this. */
export const CLOCK_WRAP_MS = 65_536;

export const DELAY_START_MS = 250;
export const DELAY_MIN_MS = 100;
export const DELAY_MAX_MS = 800;
const DELAY_SPARE_MS = 8;

/**
 * Beyond the newest position we fly straight on for about one interval, then stand still: a guess, not a fairy tale. Who
 * speaks only when straight on would be wrong (dead reckoning) leaves longer gaps, and is believed for as long as those.
 */
export const EXTRAPOLATE_MS = 250;
const EXTRAPOLATE_MOST_MS = 1_200;
/** Ended a gap this near to straight on, then it was straight on nearly to its end, where this long a bend began. */
const STRAIGHT_UNITS = 0.5;
const BEND_MS = 120;

/** Nobody flies this fast without saying so: it was a teleport, and is drawn as one. */
export const TELEPORT_UNITS_PER_S = 60;

/** After a silence longer than this the way in between is not ours to invent. */
const SILENCE_MS = 1_300;
const DEFAULT_INTERVAL_MS = 200;
const LONG_GAP = 1.6;
const NEED_WINDOW_MS = 20_000;
const OFFSET_WINDOW_MS = 30_000;
/** Running late is corrected by playing slower or faster, never by a jump: this much, as a share of real time. */
const SLOWER = 0.2;
const FASTER = 0.03;
const CORRECTION_MS = 90;

/**
 * Maps a sender's clock to ours. The message that travelled fastest tells the difference best, so the smallest
 * difference of the last seconds counts; two half windows forget old ones, because clocks drift.
 */
export class SenderClock {
  constructor(/** @type {number} */ wrap_ms = CLOCK_WRAP_MS) {
    this.wrap_ms = wrap_ms;
    this.#forget(0);
  }

  #now_least = Infinity;
  #before_least = Infinity;
  #since_ms = 0;

  #forget(/** @type {number} */ arrival_ms) {
    this.#now_least = this.#before_least = Infinity;
    this.#since_ms = arrival_ms;
  }

  /** Our clock minus the sender's, for the fastest message. NaN before the first. */
  get offset_ms() {
    const least = Math.min(this.#now_least, this.#before_least);
    return least === Infinity ? NaN : least;
  }

  /**
   * @param {number} t what the message said
   * @param {number} arrival_ms our clock
   * @returns {{ t_ms: number, restarted: boolean }} the sender's moment, unwrapped; whether its clock began anew
   */
  heard(t, arrival_ms) {
    const known = this.offset_ms;
    let t_ms = t;
    if (!Number.isNaN(known) && this.wrap_ms > 0) {
      // Of all the moments this t may mean, the one nearest to now: silences of any length do not matter.
      t_ms += this.wrap_ms * Math.round((arrival_ms - known - t) / this.wrap_ms);
    }
    let restarted = Number.isNaN(known);
    const late_ms = arrival_ms - t_ms - known;
    if (late_ms < -2_000 || late_ms > 6_000) {
      restarted = true; // no network does that: it is another clock now (a new page, the same player)
      this.#forget(arrival_ms);
    }
    if (arrival_ms - this.#since_ms > OFFSET_WINDOW_MS) {
      this.#before_least = this.#now_least;
      this.#now_least = Infinity;
      this.#since_ms = arrival_ms;
    }
    this.#now_least = Math.min(this.#now_least, arrival_ms - t_ms);
    return { t_ms, restarted };
  }
}

/**
 * @typedef {object} Sample
 * @property {number} t_ms the sender's clock, unwrapped
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {boolean} jump did not come here by flying
 *
 * @typedef {object} Drawn
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} late_ms how far in the past this is; NaN while nobody moved
 * @property {boolean} still  nothing will change until something arrives
 */

/** Position and velocity on the curve from a to b, s from 0 to 1. */
export function hermite(/** @type {Sample} */ a, /** @type {Sample} */ b, /** @type {number} */ s) {
  const seconds = (b.t_ms - a.t_ms) / 1000;
  const s2 = s * s;
  const s3 = s2 * s;
  const [h00, h10, h01, h11] = [2 * s3 - 3 * s2 + 1, s3 - 2 * s2 + s, 3 * s2 - 2 * s3, s3 - s2];
  const [d00, d10, d01, d11] = [6 * s2 - 6 * s, 3 * s2 - 4 * s + 1, 6 * s - 6 * s2, 3 * s2 - 2 * s];
  return {
    x: h00 * a.x + h10 * seconds * a.vx + h01 * b.x + h11 * seconds * b.vx,
    y: h00 * a.y + h10 * seconds * a.vy + h01 * b.y + h11 * seconds * b.vy,
    vx: (d00 * a.x + d01 * b.x) / seconds + d10 * a.vx + d11 * b.vx,
    vy: (d00 * a.y + d01 * b.y) / seconds + d10 * a.vy + d11 * b.vy,
  };
}

/** The shorter way round. */
export function turn(/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ share) {
  let difference = (to - from) % (2 * Math.PI);
  if (difference > Math.PI) difference -= 2 * Math.PI;
  if (difference < -Math.PI) difference += 2 * Math.PI;
  return from + difference * share;
}

const resting = (/** @type {Sample} */ sample) => sample.vx === 0 && sample.vy === 0;

/** Whether b is where a leads without doing anything. */
function isStraight(/** @type {Sample} */ a, /** @type {Sample} */ b) {
  const seconds = (b.t_ms - a.t_ms) / 1000;
  return Math.hypot(a.x + a.vx * seconds - b.x, a.y + a.vy * seconds - b.y) < STRAIGHT_UNITS;
}

/** The path of one ship: `place` and `add` what arrives, ask `at(now)` once a frame. */
export class Track {
  /** @type {Sample[]} oldest first, moments strictly rising */
  #samples = [];
  #clock = new SenderClock();
  /** Whose clock we use: the sender's own, else the server's, else the moment of arrival. */
  #source = "";
  #says_velocity = false;
  #says_heading = false;
  #interval_ms = DEFAULT_INTERVAL_MS;
  /** How long we fly straight on without news. */
  #reach_ms = EXTRAPOLATE_MS;
  /** @type {{ at_ms: number, delay_ms: number }[]} */
  #needs = [];
  #played_ms = NaN;
  #asked_ms = NaN;
  #fix_x = 0;
  #fix_y = 0;
  #heading = 0;
  #pace = 0;

  /** Stand here: from `welcome` and `join`, which do not say since when. */
  place(/** @type {{ x: number, y: number, h: number }} */ { x, y, h }) {
    const before = this.#shown();
    if (h !== 0) this.#says_heading = true;
    if (this.#says_heading) this.#heading = h;
    const t_ms = Number.isNaN(this.#played_ms) ? -Infinity : this.#played_ms;
    this.#samples = [{ t_ms, x, y, vx: 0, vy: 0, h, jump: false }];
    this.#source = "";
    this.#soften(before);
  }

  /**
   * @param {{ x: number, y: number, vx: number, vy: number, h: number, t: number, server_ms: number }} move
   * @param {number} arrival_ms our clock
   * @param {boolean} [busy] it may have waited for us, not for the network: its lateness says nothing
   */
  add(move, arrival_ms, busy = false) {
    const before = this.#shown();
    const source = move.t !== 0 || this.#source === "sender" ? "sender" : move.server_ms ? "server" : "arrival";
    if (source !== this.#source) {
      this.#source = source;
      this.#clock = new SenderClock(source === "sender" ? CLOCK_WRAP_MS : 0);
    }
    const t = source === "sender" ? move.t : source === "server" ? move.server_ms : arrival_ms;
    const { t_ms, restarted } = this.#clock.heard(t, arrival_ms);
    if (move.vx !== 0 || move.vy !== 0) this.#says_velocity = true;
    if (move.h !== 0) this.#says_heading = true;
    const { x, y, vx, vy, h } = move;
    /** @type {Sample} */
    const sample = { t_ms, x, y, vx, vy, h, jump: false };

    let last = this.#samples.at(-1);
    if (last && restarted) {
      // What we had is on another clock. Keep the place, begin the way one interval ago.
      last = { ...last, ...(before ?? {}), vx: 0, vy: 0, t_ms: t_ms - this.#interval_ms };
      this.#samples = [last];
      this.#played_ms = NaN;
    }
    if (last) {
      const gap_ms = t_ms - last.t_ms;
      if (gap_ms < 0) return; // older than what we have
      if (gap_ms === 0) {
        this.#samples.pop();
      } else if (gap_ms > SILENCE_MS || (resting(last) && this.#says_velocity && gap_ms > 1.5 * this.#interval_ms)) {
        // It stood there, or we do not know: the way begins one interval before its end, not at the start of the silence.
        const reach_s = Math.min(gap_ms - this.#interval_ms, this.#reach_ms) / 1000;
        const [hold_x, hold_y] = [last.x + last.vx * reach_s, last.y + last.vy * reach_s];
        last = { ...last, x: hold_x, y: hold_y, vx: 0, vy: 0, jump: false, t_ms: t_ms - this.#interval_ms };
        if (last.t_ms > /** @type {Sample} */ (this.#samples.at(-1)).t_ms) this.#samples.push(last);
      } else if (!restarted) {
        if (this.#says_velocity && gap_ms > 2 * BEND_MS && isStraight(last, sample)) {
          // One curve over the whole gap would begin the bend at once; it began just before they spoke.
          const straight_s = (gap_ms - BEND_MS) / 1000;
          last = { ...last, x: last.x + last.vx * straight_s, y: last.y + last.vy * straight_s, jump: false, t_ms: t_ms - BEND_MS };
          this.#samples.push(last);
        }
        // One gap that is longer than others is not a reason to be late for all of it: so much is guessed.
        const from_ms = Math.max(last.t_ms, t_ms - LONG_GAP * this.#interval_ms);
        if (!busy) this.#needs.push({ at_ms: arrival_ms, delay_ms: arrival_ms - this.#clock.offset_ms - from_ms });
        this.#interval_ms += 0.2 * (Math.min(Math.max(gap_ms, 50), 600) - this.#interval_ms);
        // Believed at once when it grows, forgotten slowly.
        this.#reach_ms = Math.max(EXTRAPOLATE_MS, 0.98 * this.#reach_ms, Math.min(1.15 * gap_ms, EXTRAPOLATE_MOST_MS));
      }
      const seconds = Math.max(t_ms - last.t_ms, 1) / 1000;
      const pace = Math.hypot(x - last.x, y - last.y) / seconds;
      const said = Math.max(Math.hypot(vx, vy), Math.hypot(last.vx, last.vy), this.#pace);
      sample.jump = pace > TELEPORT_UNITS_PER_S && pace > 4 * said;
      this.#pace = pace;
    }
    this.#samples.push(sample);
    if (!this.#says_velocity) this.#guessVelocities();
    this.#soften(before);
  }

  /** Those who never say how fast they are: from the places before and after, as Catmull and Rom did. */
  #guessVelocities() {
    const from = Math.max(1, this.#samples.length - 2);
    for (let i = from; i < this.#samples.length; i++) {
      const [a, b] = [this.#samples[i - 1], this.#samples[i + 1] ?? this.#samples[i]];
      const here = this.#samples[i];
      const seconds = (b.t_ms - a.t_ms) / 1000;
      const stands = here.jump || b.jump || (here.x === a.x && here.y === a.y);
      here.vx = stands || !(seconds > 0) ? 0 : (b.x - a.x) / seconds;
      here.vy = stands || !(seconds > 0) ? 0 : (b.y - a.y) / seconds;
    }
  }

  /** What the curve says at a moment of the sender's clock. */
  #on(/** @type {number} */ t_ms) {
    const samples = this.#samples;
    const newest = samples[samples.length - 1];
    if (t_ms >= newest.t_ms) {
      const guess = this.#says_velocity ? Math.min(t_ms - newest.t_ms, this.#reach_ms) / 1000 : 0;
      const moving = guess > 0 && t_ms - newest.t_ms < this.#reach_ms;
      const [vx, vy] = moving ? [newest.vx, newest.vy] : [0, 0];
      return { x: newest.x + newest.vx * guess, y: newest.y + newest.vy * guess, vx, vy, h: newest.h };
    }
    let i = samples.length - 2;
    while (i >= 0 && samples[i].t_ms > t_ms) i--;
    if (i < 0) return { ...samples[0], vx: 0, vy: 0 };
    const [a, b] = [samples[i], samples[i + 1]];
    if (b.jump || a.t_ms === -Infinity) return { ...a, vx: 0, vy: 0 };
    const s = (t_ms - a.t_ms) / (b.t_ms - a.t_ms);
    return { ...hermite(a, b, s), h: turn(a.h, b.h, s) };
  }

  /** What is on the screen now, before something new arrives. */
  #shown() {
    if (Number.isNaN(this.#played_ms) || this.#samples.length === 0) return null;
    const { x, y } = this.#on(this.#played_ms);
    return { x: x + this.#fix_x, y: y + this.#fix_y };
  }

  /** News may say that our guess was wrong. Do not hop there: let the difference die away, unless it is a teleport. */
  #soften(/** @type {{ x: number, y: number } | null} */ before) {
    if (!before || Number.isNaN(this.#played_ms)) return;
    const { x, y } = this.#on(this.#played_ms);
    [this.#fix_x, this.#fix_y] = [before.x - x, before.y - y];
    if (Math.hypot(this.#fix_x, this.#fix_y) > TELEPORT_UNITS_PER_S * 0.1) this.#fix_x = this.#fix_y = 0;
  }

  /** How late to draw so that the next position is here in time: the worst of the last seconds, within bounds. */
  #delay(/** @type {number} */ now_ms) {
    while (this.#needs.length > 0 && this.#needs[0].at_ms < now_ms - NEED_WINDOW_MS) this.#needs.shift();
    let worst_ms = this.#needs.length < 5 ? DELAY_START_MS : DELAY_MIN_MS;
    for (const { delay_ms } of this.#needs) worst_ms = Math.max(worst_ms, delay_ms + DELAY_SPARE_MS);
    return Math.min(worst_ms, DELAY_MAX_MS);
  }

  /**
   * Ask in order of time, once a frame.
   * @param {number} now_ms our clock
   * @returns {Drawn | null} null: nothing is known yet
   */
  at(now_ms) {
    const newest = this.#samples.at(-1);
    if (!newest) return null;
    const passed_ms = Number.isNaN(this.#asked_ms) ? 0 : Math.max(0, now_ms - this.#asked_ms);
    this.#asked_ms = now_ms;
    const decay = Math.exp(-passed_ms / CORRECTION_MS);
    this.#fix_x *= decay;
    this.#fix_y *= decay;

    let late_ms = NaN;
    if (this.#source === "" || newest.t_ms === -Infinity) {
      this.#played_ms = NaN; // placed only
    } else {
      const here_ms = now_ms - this.#clock.offset_ms;
      const wanted_ms = here_ms - this.#delay(now_ms);
      const behind_ms = wanted_ms - (this.#played_ms + passed_ms);
      const rests = resting(newest) && this.#played_ms >= newest.t_ms;
      if (Number.isNaN(behind_ms) || Math.abs(behind_ms) > 2_000) this.#played_ms = wanted_ms;
      else if (rests) this.#played_ms = Math.max(wanted_ms, newest.t_ms); // nobody sees it: be right at once
      else {
        const [least, most] = [-SLOWER * passed_ms, FASTER * passed_ms];
        this.#played_ms += passed_ms + Math.min(Math.max(behind_ms, least), most);
      }
      late_ms = here_ms - this.#played_ms;
    }
    const t_ms = Number.isNaN(this.#played_ms) ? Infinity : this.#played_ms;
    const seen = t_ms === Infinity ? { ...newest, vx: 0, vy: 0 } : this.#on(t_ms);
    if (this.#says_heading) this.#heading = seen.h;
    else if (Math.hypot(seen.vx, seen.vy) > 0.3) this.#heading = turn(this.#heading, Math.atan2(seen.vy, seen.vx), 0.25);

    const useful = this.#samples.findLastIndex((sample) => sample.t_ms <= t_ms);
    if (useful > 1) this.#samples.splice(0, useful - 1);
    const fixed = Math.abs(this.#fix_x) + Math.abs(this.#fix_y) < 0.001;
    const over = t_ms >= newest.t_ms && (resting(newest) || t_ms - newest.t_ms > this.#reach_ms);
    return {
      x: seen.x + this.#fix_x,
      y: seen.y + this.#fix_y,
      vx: seen.vx,
      vy: seen.vy,
      h: this.#heading,
      late_ms: over ? NaN : late_ms,
      still: over && fixed,
    };
  }
}
