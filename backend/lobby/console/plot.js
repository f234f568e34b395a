// The shapes and texts of the plots. Pure.

/** The size of a plot in its own units. The page stretches it. */
export const WIDTH = 300;
export const HEIGHT = 80;
/** A plot shows at least so much time, in ms. */
const SPAN_MS = 60_000;
/** Points further apart than this have a gap between them, in intervals. */
const GAP = 2.5;

/** @typedef {import("./api.js").Point} Point */
/** @typedef {(point: Point) => number | null} Value */

/** The time that the plots show: from the oldest point to the newest. @returns {{ from_ms: number, to_ms: number }} */
export function span(/** @type {Point[]} */ points) {
  const to_ms = points.at(-1)?.at_ms ?? 0;
  return { from_ms: Math.min(points[0]?.at_ms ?? 0, to_ms - SPAN_MS), to_ms };
}

/** The smallest round number that is not below any value: one of these times a power of ten. */
export function top(/** @type {(number | null)[]} */ values, /** @type {number} */ least) {
  const most = Math.max(least, ...values.map((value) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(most));
  for (const factor of [1, 1.5, 2, 3, 4, 5, 6, 8]) if (factor * power >= most * 0.9999) return factor * power;
  return 10 * power;
}

/**
 * The path of a line for an SVG, and that of the area below it. A value that is null, and a longer pause, is a gap.
 * @param {Point[]} points
 * @param {Value} value
 * @param {number} most the value at the upper edge
 * @param {number} interval_s between two points
 */
export function shape(points, value, most, interval_s) {
  const { from_ms, to_ms } = span(points);
  /** @type {[number, number][][]} */
  const runs = [];
  let before_ms = -Infinity;
  for (const point of points) {
    const found = value(point);
    if (found === null) continue;
    if (point.at_ms - before_ms > GAP * interval_s * 1000) runs.push([]);
    before_ms = point.at_ms;
    runs[runs.length - 1].push([((point.at_ms - from_ms) / (to_ms - from_ms)) * WIDTH, HEIGHT - (Math.min(found, most) / most) * (HEIGHT - 2)]);
  }
  const text = (/** @type {[number, number][]} */ run) => run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
  // A lone point is drawn as a short line.
  const line = runs.map((run) => (run.length > 1 ? `M${text(run)}` : `M${text(run)}m-3 0h3`)).join("");
  const area = runs.map((run) => `M${run[0][0].toFixed(1)} ${HEIGHT}L${text(run)}L${run[run.length - 1][0].toFixed(1)} ${HEIGHT}Z`).join("");
  return { line, area };
}

/** The points of `old` and `added`, without those that are older than an hour, and none twice. */
export function joined(/** @type {Point[]} */ old, /** @type {Point[]} */ added) {
  const newest_ms = old.at(-1)?.at_ms ?? 0;
  const all = [...old, ...added.filter(({ at_ms }) => at_ms > newest_ms)];
  const to_ms = all.at(-1)?.at_ms ?? 0;
  return all.filter(({ at_ms }) => to_ms - at_ms <= 3_600_000);
}

/** What the traffic of these points would have cost at API Gateway, in dollars. */
export function dollars(/** @type {Point[]} */ points, /** @type {number} */ interval_s) {
  return points.reduce((sum, point) => sum + (point.aws_dollars_per_hour * interval_s) / 3600, 0);
}

// ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A number in few characters: three digits, and the unit of thousands. */
export function short(/** @type {number} */ value) {
  if (value >= 999_500) return `${trim((value / 1e6).toPrecision(3))} M`;
  if (value >= 9_995) return `${trim((value / 1e3).toPrecision(3))} k`;
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value < 10 ? trim(value.toFixed(1)) : String(Math.round(value));
}

const trim = (/** @type {string} */ text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Dollars, with two digits that are not zero. */
export function money(/** @type {number} */ value) {
  if (value === 0) return "$0";
  if (value < 0.00001) return "< $0.00001";
  if (value >= 1) return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${value.toFixed(Math.max(2, 1 - Math.floor(Math.log10(value))))}`;
}

/** A time in words, without parts that do not matter. */
export function lasting(/** @type {number} */ seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}
