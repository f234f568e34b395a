// The plots of the last hour. Arrow keys, Home and End read a plot point by point, as the pointer does; Escape ends that.

import { $, setAttribute } from "../viewer/elements.js";
import { HEIGHT, WIDTH, dollars, lasting, money, shape, short, span, top } from "./plot.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {import("./plot.js").Point} Point
 * @typedef {{ name: string, value: import("./plot.js").Value, text: (value: number) => string }} Series
 *
 * @typedef {object} Plot
 * @property {string} id
 * @property {string} title
 * @property {Series[]} series the first one is drawn with an area
 * @property {number} least the plot reaches at least to this value
 * @property {(points: Point[], interval_s: number) => string} [note] a text below the plot
 * @property {string} [explained] what the figures mean
 */

const ms = (/** @type {number} */ value) => `${short(value)} ms`;
const per_s = (/** @type {number} */ value) => `${short(value)}/s`;

/** @type {Plot[]} */
const PLOTS = [
  {
    id: "players",
    title: "Players",
    least: 5,
    series: [
      { name: "players", value: (point) => point.players, text: short },
      { name: "rooms", value: (point) => point.rooms, text: short },
    ],
  },
  {
    id: "messages",
    title: "Messages",
    least: 5,
    series: [
      { name: "out", value: (point) => point.frames_per_s, text: per_s },
      { name: "in", value: (point) => point.messages_per_s, text: per_s },
    ],
  },
  {
    id: "latency",
    title: "Latency",
    least: 5,
    series: [
      { name: "median", value: (point) => point.latency_ms, text: ms },
      { name: "p95", value: (point) => point.latency_p95_ms, text: ms },
    ],
  },
  {
    id: "cost",
    title: "AWS would bill",
    explained:
      "What API Gateway would charge for these messages, connections and bytes, at list prices. Lambda and the table are not included. This machine costs the same with any traffic.",
    least: 0.01,
    series: [{ name: "an hour", value: (point) => point.aws_dollars_per_hour, text: money }],
    note: (points, interval_s) => `${money(dollars(points, interval_s))} in this time`,
  },
];

class Chart {
  /** @type {Point[]} */
  #points = [];
  #interval_s = 10;
  /** Which point is read; null: the newest one. @type {number | null} */
  #at = null;

  constructor(/** @type {Plot} */ plot) {
    this.plot = plot;
    this.box = made("div", "panel plot");
    this.box.id = `plot-${plot.id}`;
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "slider");
    this.box.setAttribute("aria-label", `${plot.title}, last hour`);
    if (plot.explained) this.box.title = plot.explained;
    const title = made("span", "label");
    title.textContent = plot.title;
    this.values = made("span", "values");
    const head = made("div", "plot-head");
    head.append(title, this.values);
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("aria-hidden", "true");
    this.area = this.#path("area");
    this.lines = plot.series.map((_, index) => this.#path(`line line-${index}`));
    this.cursor = this.#path("cursor");
    this.most = made("span", "most");
    const field = made("div", "plot-field");
    field.append(this.svg, this.most);
    this.from = made("span", "");
    this.note = made("span", "");
    this.to = made("span", "");
    const axis = made("div", "axis");
    axis.append(this.from, this.note, this.to);
    this.box.append(head, field, axis);
    this.box.addEventListener("keydown", (event) => this.#pressed(event));
    this.box.addEventListener("blur", () => this.#read(null));
    field.addEventListener("pointermove", (event) => this.#pointed((event.clientX - field.getBoundingClientRect().left) / field.clientWidth));
    field.addEventListener("pointerleave", () => this.#read(null));
  }

  #path(/** @type {string} */ kind) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", kind);
    return this.svg.appendChild(path);
  }

  show(/** @type {Point[]} */ points, /** @type {number} */ interval_s) {
    const gone = this.#points.length > 0 && points.length > 0 ? this.#points.findIndex(({ at_ms }) => at_ms === points[0].at_ms) : 0;
    if (this.#at !== null) this.#at = Math.max(0, this.#at - Math.max(0, gone)); // the same point, at its new place
    this.#points = points;
    this.#interval_s = interval_s;
    const { plot } = this;
    const most = top(points.flatMap((point) => plot.series.map(({ value }) => value(point))), plot.least);
    plot.series.forEach(({ value }, index) => {
      const { line, area } = shape(points, value, most, interval_s);
      setAttribute(this.lines[index], "d", line);
      if (index === 0) setAttribute(this.area, "d", area);
    });
    this.most.textContent = points.length > 0 ? plot.series[0].text(most) : "";
    this.#read(this.#at);
  }

  #read(/** @type {number | null} */ at) {
    const points = this.#points;
    const last = points.length - 1;
    this.#at = at === null || last < 0 ? null : Math.min(last, Math.max(0, at));
    const { from_ms, to_ms } = span(points);
    const point = points[this.#at ?? last];
    const text = (/** @type {Series} */ { value, text }) => {
      const found = point ? value(point) : null;
      return found === null ? "–" : text(found);
    };
    this.values.replaceChildren(
      ...this.plot.series.flatMap((series, index) => {
        const figure = made("b", `figure figure-${index}`);
        figure.textContent = `${text(series)} `;
        const unit = made("span", "unit");
        unit.textContent = series.name;
        return [figure, unit];
      }),
    );
    const when = this.#at === null ? "now" : new Date(point.at_ms).toLocaleTimeString("en", { hour12: false });
    this.to.textContent = point ? when : "";
    this.from.textContent = point ? `${lasting((to_ms - from_ms) / 1000)} ago` : "The first point comes after ten seconds.";
    this.note.textContent = point ? (this.plot.note?.(points, this.#interval_s) ?? "") : "";
    const x = this.#at === null ? -5 : ((point.at_ms - from_ms) / (to_ms - from_ms)) * WIDTH;
    setAttribute(this.cursor, "d", `M${x.toFixed(1)} 0V${HEIGHT}`);
    setAttribute(this.box, "aria-valuemin", "0");
    setAttribute(this.box, "aria-valuemax", String(Math.max(0, last)));
    setAttribute(this.box, "aria-valuenow", String(Math.max(0, this.#at ?? last)));
    const words = this.plot.series.map((series) => `${text(series)} ${series.name}`).join(", ");
    setAttribute(this.box, "aria-valuetext", point ? `${when}: ${words}` : "no point yet");
  }

  #pointed(/** @type {number} */ share) {
    const { from_ms, to_ms } = span(this.#points);
    const at_ms = from_ms + share * (to_ms - from_ms);
    const later = this.#points.findIndex((point) => point.at_ms >= at_ms);
    this.#read(later < 0 ? this.#points.length - 1 : later);
  }

  #pressed(/** @type {KeyboardEvent} */ event) {
    const last = this.#points.length - 1;
    const at = this.#at ?? last;
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageUp: at + 30, PageDown: at - 30, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#read(to);
  }
}

export class Charts {
  #charts = PLOTS.map((plot) => new Chart(plot));

  constructor() {
    $("plots").replaceChildren(...this.#charts.map(({ box }) => box));
  }

  show(/** @type {Point[]} */ points, /** @type {number} */ interval_s) {
    for (const chart of this.#charts) chart.show(points, interval_s);
  }
}

function made(/** @type {string} */ tag, /** @type {string} */ kind) {
  const element = document.createElement(tag);
  element.className = kind;
  return element;
}
