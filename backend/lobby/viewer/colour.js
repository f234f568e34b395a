// The colour of a player. It follows from the id, unless another player in the room has the same colour already. All hues have the same lightness
// and chroma (OKLCH), so that all players are equally visible on a light and on a dark ground.

const HUES = 18;

/** FNV-1a: a small hash with a good distribution. */
export function hash(/** @type {string} */ text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  value ^= value >>> 15; // the low bits of short, similar ids are too similar
  return Math.imul(value, 0x2c1b3c6d) >>> 0;
}

export const tint = (/** @type {string} */ id) => hash(id) % HUES;

/** The hues of the players in a room: as different as possible, and unchanged while a player stays. */
export class Tints {
  /** @type {Map<string, number>} */
  #tints = new Map();
  #players = new Array(HUES).fill(0);

  /** The hue of a player, 0 to HUES - 1: that of its id, or the nearest one that fewer players have. */
  of(/** @type {string} */ id) {
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
    const known = this.#tints.get(id);
    if (known !== undefined) this.#players[known] -= 1;
    this.#tints.delete(id);
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
  const degrees = 25 + (tint * 360) / HUES;
  return (dark ? oklch(0.82, 0.105, degrees) : oklch(0.54, 0.125, degrees)).join(" ");
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
