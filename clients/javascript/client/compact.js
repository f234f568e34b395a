// Compact positions of protocol version 3: frames of bytes in, positions out. docs/protocol.md describes each bit. Pure.
//
// An entry is whole, or the difference to a whole entry of the same player: its base. An entry whose base is not known is ignored:
// a whole one follows within a second. A server is not trusted: bytes that are no frame of a lobby become null, change nothing, and
// cost a bounded time.

import { ROSTER_MOST } from "./constants.js";

/** A text message that begins with it is a frame in base64. */
export const TEXT_PREFIX = "~";
const KIND = 1;
const HEADER_BYTES = 7;
/** A base that is older counts no more. */
const BASE_VALID_MS = 3_000;
/** A whole entry with a velocity of so many hundredths, or more, is no base. */
const BASE_SPEED_LIMIT = 2 ** 23;
const SEQ_LIMIT = 1e15;
const WHOLE_SIZES = [0, 9, 12, 14, 16, 18, 28, 40];
const STEP_SIZES = [0, 4, 6, 8, 10, 11, 13, 24];
const LAG_SIZES = [4, 6, 8, 16];
const [VELOCITY, HEADING, CLOCK, SEQ, HEIGHT] = [16, 8, 4, 2, 1];
const PROFILES = [0, VELOCITY | HEADING | CLOCK | SEQ, VELOCITY | HEADING | CLOCK | SEQ | HEIGHT];

/**
 * @typedef {object} Values hundredths, except seq and t
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} h
 * @property {number} seq
 * @property {number} t
 * @property {number} z
 * @property {number} vz
 *
 * @typedef {{ number: number, ms: number, values: Values }} Base
 */

/** @type {Base} */
const NO_BASE = { number: 0, ms: 0, values: { x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: 0, t: 0, z: 0, vz: 0 } };

/** What a client remembers of one connection. */
export class Decoder {
  /** The bases of each player, by its number in the room, and by their own number. @type {Map<number, Base[]>} */
  #bases = new Map();

  /**
   * The positions in a frame. Null if it is no valid frame, or of a kind that only a newer client knows.
   * @param {Uint8Array} frame
   * @returns {import("./messages.js").Moves | null}
   */
  decode(frame) {
    if (frame.length < HEADER_BYTES || frame[0] !== KIND) return null;
    try {
      return this.#decode(frame);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  /** The same for a text that begins with TEXT_PREFIX. @param {string} text */
  decodeText(text) {
    try {
      return this.decode(Uint8Array.from(atob(text.slice(TEXT_PREFIX.length)), (character) => character.charCodeAt(0)));
    } catch {
      return null; // atob throws a DOMException
    }
  }

  /** @param {Uint8Array} frame @returns {import("./messages.js").Moves} */
  #decode(frame) {
    const bits = new Bits(frame, 1);
    const ms = bits.take(48);
    const entries = [];
    /** @type {[number, Base][]} */
    const bases = [];
    for (let count = 0; !bits.is_at_end; count++) {
      if (count >= ROSTER_MOST) throw new RangeError("too many entries");
      const n = bits.grouped(4);
      const is_whole = bits.take(1) === 1;
      const number = bits.take(3);
      const profile = bits.take(2);
      const fields = profile < PROFILES.length ? PROFILES[profile] : bits.take(5);
      const base = is_whole ? undefined : this.#bases.get(n)?.[number];
      const is_known = base !== undefined && Math.abs(ms - base.ms) <= BASE_VALID_MS;
      // A difference is read also where its base is not known: only so the start of the next entry is known.
      const values = is_whole ? readWhole(bits, fields) : readDifference(bits, fields, is_known ? base : NO_BASE, ms);
      bits.align();
      if (is_whole && number && canBeBase(values)) bases.push([n, { number, ms, values }]);
      if (is_whole || is_known) entries.push({ n, position: inUnits(values) });
    }
    for (const [n, base] of bases) this.#remember(n, base);
    return { type: "moves", t: ms, entries };
  }

  /** @param {number} n @param {Base} base */
  #remember(n, base) {
    let known = this.#bases.get(n);
    if (!known) {
      if (this.#bases.size >= ROSTER_MOST) this.#bases.clear(); // all bases return within a second
      this.#bases.set(n, (known = []));
    }
    known[base.number] = base;
  }
}

/** Reads bits, the highest of each byte first. Throws a RangeError behind the end. */
class Bits {
  #bytes;
  /** In bits. */
  #at;

  /** @param {Uint8Array} bytes @param {number} start the first byte to read */
  constructor(bytes, start) {
    this.#bytes = bytes;
    this.#at = 8 * start;
  }

  get is_at_end() {
    return this.#at >= 8 * this.#bytes.length;
  }

  take(/** @type {number} */ width) {
    if (this.#at + width > 8 * this.#bytes.length) throw new RangeError("the frame ends too early");
    let value = 0; // by multiplication: shifts of JavaScript have 32 bits
    while (width > 0) {
      const left = 8 - (this.#at % 8);
      const count = Math.min(left, width);
      value = value * 2 ** count + ((this.#bytes[this.#at >> 3] >> (left - count)) & (2 ** count - 1));
      this.#at += count;
      width -= count;
    }
    return value;
  }

  signed(/** @type {number} */ width) {
    const value = this.take(width);
    return width > 0 && value >= 2 ** (width - 1) ? value - 2 ** width : value;
  }

  /** A number in groups of seven bits, the lowest first, each behind a bit that is 1 if another group follows. */
  grouped(/** @type {number} */ groups) {
    let value = 0;
    for (let group = 0; group < groups; group++) {
      const is_last = this.take(1) === 0;
      value += this.take(7) * 2 ** (7 * group);
      if (is_last) return value;
    }
    throw new RangeError("a number is too long");
  }

  /** Goes on to the next whole byte. */
  align() {
    this.#at = Math.ceil(this.#at / 8) * 8;
  }
}

const canBeBase = (/** @type {Values} */ { vx, vy, vz }) => Math.max(Math.abs(vx), Math.abs(vy), Math.abs(vz)) < BASE_SPEED_LIMIT;

/** The remainder of a division by 65,536, never negative. */
const modulo = (/** @type {number} */ ms) => ((ms % 65_536) + 65_536) % 65_536;

/** Where a coordinate is `ms` after its base, if the velocity has changed evenly. */
const predicted = (/** @type {number} */ base, /** @type {number} */ before, /** @type {number} */ after, /** @type {number} */ ms) =>
  base + Math.floor(((before + after) * ms) / 2000);

/** The direction of a velocity, in hundredths of a radian. */
const direction = (/** @type {number} */ vx, /** @type {number} */ vy) => (vx || vy ? Math.floor(100 * Math.atan2(vy, vx) + 0.5) : 0);

/** @param {Values} values @returns {import("./messages.js").Position} */
const inUnits = ({ x, y, vx, vy, h, seq, t, z, vz }) => ({
  x: x / 100,
  y: y / 100,
  vx: vx / 100,
  vy: vy / 100,
  h: h / 100,
  seq,
  t,
  z: z / 100,
  vz: vz / 100,
});

/** @param {Bits} bits @param {number[]} sizes */
function pair(bits, sizes) {
  const width = sizes[bits.take(3)];
  return [bits.signed(width), bits.signed(width)];
}

/** @param {Bits} bits @param {number} vx @param {number} vy */
function heading(bits, vx, vy) {
  const form = bits.take(2);
  if (form === 0) return direction(vx, vy);
  if (form === 1) return direction(vx, vy) + bits.signed(4);
  return bits.signed(form === 2 ? 10 : 40);
}

/** @param {Bits} bits @param {number} fields @returns {Values} */
function readWhole(bits, fields) {
  const [x, y] = pair(bits, WHOLE_SIZES);
  const [vx, vy] = fields & VELOCITY ? pair(bits, WHOLE_SIZES) : [0, 0];
  const h = fields & HEADING ? heading(bits, vx, vy) : 0;
  const t = fields & CLOCK ? bits.take(16) : 0;
  const seq = fields & SEQ ? bits.grouped(8) : 0;
  if (seq >= SEQ_LIMIT) throw new RangeError("the sequence number is too large");
  const [z, vz] = fields & HEIGHT ? [bits.signed(WHOLE_SIZES[bits.take(3)]), bits.signed(WHOLE_SIZES[bits.take(3)])] : [0, 0];
  return { x, y, vx, vy, h, seq, t, z, vz };
}

/** @param {Bits} bits @param {number} fields @param {Base} base @param {number} ms @returns {Values} */
function readDifference(bits, fields, base, ms) {
  const was = base.values;
  const [dx, dy] = pair(bits, STEP_SIZES);
  let [vx, vy, h, seq, t, z, vz] = [0, 0, 0, 0, 0, 0, 0];
  if (fields & VELOCITY) {
    [vx, vy] = pair(bits, STEP_SIZES);
    [vx, vy] = [vx + was.vx, vy + was.vy];
  }
  if (fields & HEADING) h = heading(bits, vx, vy);
  if (fields & CLOCK) t = modulo(was.t + ms - base.ms - bits.signed(LAG_SIZES[bits.take(2)]));
  if (fields & SEQ) seq = was.seq + bits.take(bits.take(1) ? 12 : 3);
  const passed_ms = modulo(fields & CLOCK ? t - was.t : ms - base.ms);
  if (fields & HEIGHT) {
    const dz = bits.signed(STEP_SIZES[bits.take(3)]);
    vz = was.vz + bits.signed(STEP_SIZES[bits.take(3)]);
    z = dz + predicted(was.z, was.vz, vz, passed_ms);
  }
  const x = dx + predicted(was.x, was.vx, vx, passed_ms);
  const y = dy + predicted(was.y, was.vy, vy, passed_ms);
  return { x, y, vx, vy, h, seq, t, z, vz };
}
