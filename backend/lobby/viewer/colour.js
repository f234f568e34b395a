// The colour of a player: the hue that it has chosen in its data, else one that follows from its id and that no other player in the room has. All
// hues have the same lightness and chroma (OKLCH), so that all players are equally visible on a light and on a dark ground.

const HUES = 18;

/** The hue of tint 0, in degrees. */
const FIRST = 25;

/** FNV-1a: a small hash with a good distribution. */
export function hash(/** @type {string} */ text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  value ^= value >>> 15; // the low bits of short, similar ids are too similar
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}

export const tint = (/** @type {string} */ id) => hash(id) % HUES;

/** The tint of a chosen colour that is a grey. */
const GREY = -1;

/**
 * The tint of the colour that a player has chosen: `color` in its data, as `"#rrggbb"`. Only its hue counts, in steps of five degrees.
 * @param {Readonly<Record<string, unknown>> | undefined} data
 * @returns {number | null} null: there is none, or it is not valid
 */
export function chosenTint(data) {
  const text = data?.color;
  if (typeof text !== "string" || !/^#[0-9a-f]{6}$/i.test(text)) return null;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(text.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const c = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  if (Math.hypot(a, c) < 0.02) return GREY;
  const degrees = (Math.round((Math.atan2(c, a) * 180) / Math.PI / 5) * 5 - FIRST + 720) % 360;
  return (degrees * HUES) / 360;
}

/** The hues of the players in a room: as different as possible, and unchanged while a player stays. */
export class Tints {
  /** @type {Map<string, number>} */
  #tints = new Map();
  /** @type {Map<string, number>} the tints near to those that players have chosen */
  #chosen = new Map();
  #players = new Array(HUES).fill(0);

  /**
   * The hue of a player: the one that it has chosen in its data, else one from 0 to HUES - 1: that of its id, or the nearest one that fewer players
   * have.
   * @param {string} id
   * @param {Readonly<Record<string, unknown>>} [data]
   */
  of(id, data) {
    const chosen = chosenTint(data);
    const near = chosen === null || chosen === GREY ? null : Math.round(chosen) % HUES;
    if (near !== (this.#chosen.get(id) ?? null)) {
      this.forget(id);
      if (near !== null) {
        this.#chosen.set(id, near);
        this.#players[near] += 1; // so that others, who have chosen none, get another one
      }
    }
    return chosen ?? this.#given(id);
  }

  #given(/** @type {string} */ id) {
    const known = this.#tints.get(id);
    if (known !== undefined) return known;
    const own = tint(id);
    const fewest = Math.min(...this.#players);
    let free = own;
    for (let step = 1; this.#players[free] > fewest; step++) {
      free = (own + (step % 2 ? 1 : -1) * Math.ceil(step / 2) + HUES) % HUES;
    }
    this.#tints.set(id, free);
    this.#players[free] += 1;
    return free;
  }

  /** A player has left. */
  forget(/** @type {string} */ id) {
    for (const tints of [this.#tints, this.#chosen]) {
      const known = tints.get(id);
      if (known !== undefined) this.#players[known] -= 1;
      tints.delete(id);
    }
  }
}

/** @returns {[number, number, number]} sRGB, 0 to 255 */
export function oklch(/** @type {number} */ lightness, /** @type {number} */ chroma, /** @type {number} */ degrees) {
  const a = chroma * Math.cos((degrees * Math.PI) / 180);
  const b = chroma * Math.sin((degrees * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const encode = (/** @type {number} */ value) => {
    const light = Math.min(1, Math.max(0, value));
    return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
  };
  return [encode(linear[0]), encode(linear[1]), encode(linear[2])];
}

/** @returns {string} "r g b", for use in rgb(${..} / ${alpha}) */
export function playerColour(/** @type {number} */ tint, /** @type {boolean} */ dark) {
  const degrees = FIRST + (tint * 360) / HUES;
  const grey = tint === GREY ? 0 : 1;
  return (dark ? oklch(0.82, 0.105 * grey, degrees) : oklch(0.54, 0.125 * grey, degrees)).join(" ");
}

/** The colours of the canvas. The colours of the page are in style.css. */
export const THEMES = {
  dark: {
    dark: true,
    ground: "#0a0e15",
    glow: "#121b29",
    line: "150 178 214",
    ink: "#e3eaf4",
    muted: "#93a3b8",
    plate: "16 23 34",
    me: "232 240 250",
  },
  light: {
    dark: false,
    ground: "#eaeef3",
    glow: "#f9fbfc",
    line: "52 78 110",
    ink: "#1a2431",
    muted: "#556375",
    plate: "255 255 255",
    me: "24 34 48",
  },
};
