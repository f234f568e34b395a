// The page around the field: who is here, how the connection is, the figures. What players call themselves reaches the
// page through textContent only: names come from strangers.

import { playerColour } from "./colour.js";

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Below this a filter is in the way. */
const FILTER_FROM = 11;
const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} status
 * @property {number} tint
 * @property {number} distance NaN: ourselves
 * @property {boolean} me
 */

/** The list of who is here: rows live as long as their player, so that focus and scrolling survive every change. */
export class RosterList {
  /** @type {Map<string, { item: HTMLLIElement, button: HTMLButtonElement, name: HTMLElement, you: HTMLElement, status: HTMLElement, distance: HTMLElement, glyph: SVGElement, words: string }>} */
  #rows = new Map();
  #filter = "";
  /** @type {Row[]} */
  #last = [];
  #dark = true;
  #watched = "";

  /**
   * @param {{ follow: (id: string) => void, point: (id: string) => void }} on a press, and pointing (or focus) at a row
   */
  constructor(on) {
    this.on = on;
    this.list = /** @type {HTMLUListElement} */ ($("roster"));
    const filter = /** @type {HTMLInputElement} */ ($("filter"));
    filter.addEventListener("input", () => {
      this.#filter = filter.value.trim().toLowerCase();
      this.show(this.#last, this.#dark, this.#watched);
    });
    filter.addEventListener("keydown", (event) => {
      if (event.key === "Escape") filter.blur();
    });
  }

  /** @returns {string[]} ids in the order on the page */
  get shown() {
    return [...this.#rows].filter(([, row]) => !row.item.hidden).map(([id]) => id);
  }

  #make(/** @type {string} */ id) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const glyph = /** @type {SVGElement} */ ($("my-glyph").cloneNode(true));
    glyph.removeAttribute("id");
    glyph.removeAttribute("style");
    const [name, you, status, distance] = ["name", "you", "status", "distance"].map((kind) => {
      const part = document.createElement("span");
      part.className = kind;
      return part;
    });
    you.textContent = "you";
    button.append(glyph, name, you, status, distance);
    button.addEventListener("click", () => this.on.follow(id));
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => this.on.point(id));
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => this.on.point(""));
    item.append(button);
    return { item, button, name, you, status, distance, glyph, words: "" };
  }

  show(/** @type {Row[]} */ rows, /** @type {boolean} */ dark, /** @type {string} */ watched) {
    this.#last = rows;
    this.#dark = dark;
    this.#watched = watched;
    const order = [...rows].sort((a, b) => Number(b.me) - Number(a.me) || compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
    const here = new Set();
    let shown = 0;
    /** @type {Element | null} */
    let next = this.list.firstElementChild;
    for (const row of order) {
      here.add(row.id);
      let known = this.#rows.get(row.id);
      if (!known) this.#rows.set(row.id, (known = this.#make(row.id)));
      const distance = Number.isNaN(row.distance) ? "" : far(row.distance);
      const words = [row.name, row.status, distance, row.tint, dark, row.me].join("\n");
      if (words !== known.words) {
        known.words = words;
        known.name.textContent = row.name;
        known.status.textContent = row.status;
        known.status.hidden = row.status === "";
        known.distance.replaceChildren(distance, ...(distance ? [unseen(" units away")] : []));
        known.you.hidden = !row.me;
        known.item.className = row.me ? "me" : "";
        known.glyph.style.color = `rgb(${playerColour(row.tint, dark)})`;
      }
      const pressed = String(row.id === watched);
      if (known.button.getAttribute("aria-pressed") !== pressed) known.button.setAttribute("aria-pressed", pressed);
      const hidden = this.#filter !== "" && !`${row.name}\n${row.status}`.toLowerCase().includes(this.#filter);
      if (known.item.hidden !== hidden) known.item.hidden = hidden;
      if (!hidden) shown += 1;
      if (next === known.item) next = next.nextElementSibling;
      else this.list.insertBefore(known.item, next);
    }
    for (const [id, row] of this.#rows) {
      if (here.has(id)) continue;
      if (row.item.contains(document.activeElement)) this.list.focus(); // do not throw a keyboard user out of the list
      row.item.remove();
      this.#rows.delete(id);
    }
    setText("count-number", String(rows.length));
    setText("tab-count", String(rows.length));
    $("filter-box").hidden = rows.length < FILTER_FROM && this.#filter === "";
    $("nobody").hidden = shown > 0 || this.#filter === "";
  }
}

/** For those who hear the page: what those who see it know. */
function unseen(/** @type {string} */ words) {
  const part = document.createElement("span");
  part.className = "hidden";
  part.textContent = words;
  return part;
}

/** A distance in as few signs as say it. */
export function far(/** @type {number} */ units) {
  if (units < 10) return units.toFixed(1);
  if (units < 10_000) return String(Math.round(units));
  return `${(units / 1000).toLocaleString("en", { maximumFractionDigits: 0 })} k`;
}

export function setText(/** @type {string} */ id, /** @type {string} */ text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

/** A figure and its unit, the unit in a quieter colour. */
function setFigure(/** @type {string} */ id, /** @type {[string, string][]} */ parts) {
  const element = $(id);
  const key = parts.flat().join(" ");
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(
    ...parts.map(([figure, unit]) => {
      const quiet = document.createElement("span");
      quiet.className = "unit";
      quiet.textContent = unit;
      const part = document.createElement("span");
      part.append(figure, ...(unit ? [quiet] : []));
      return part;
    }),
  );
}

const rate = (/** @type {number} */ value) => (value === 0 ? "0" : value < 10 ? value.toFixed(1) : String(Math.round(value)));

/** @returns {[string, string]} */
function bytes(/** @type {number} */ value) {
  if (value < 1000) return [String(Math.round(value)), "B/s"];
  return [(value / 1000).toFixed(value < 100_000 ? 1 : 0), "kB/s"];
}

/**
 * @param {ReturnType<import("./traffic.js").Traffic["rates"]>} rates
 * @param {number[]} history
 * @param {number} latency_ms NaN: not known
 * @param {number[]} late_ms  of every ship that moves
 */
export function showTraffic(rates, history, latency_ms, late_ms) {
  setFigure("in", [[rate(rates.in), "msg/s"], bytes(rates.in_bytes)]);
  setFigure("out", [[rate(rates.out), "msg/s"], bytes(rates.out_bytes)]);
  if (Number.isNaN(latency_ms)) setFigure("latency", [["–", ""]]);
  else setFigure("latency", [[latency_ms < 10 ? latency_ms.toFixed(1) : String(Math.round(latency_ms)), "ms"]]);
  if (late_ms.length === 0) {
    setFigure("late", [["nobody moves", ""]]);
  } else {
    const sorted = [...late_ms].sort((a, b) => a - b).map((value) => Math.round(value / 10) * 10);
    const middle = sorted[Math.floor(sorted.length / 2)];
    const worst = sorted[sorted.length - 1];
    setFigure("late", worst > middle + 50 ? [[`${middle} to ${worst}`, "ms late"]] : [[String(middle), "ms late"]]);
  }
  const dollars = rates.aws_dollars_per_hour;
  setFigure("cost", [[dollars === 0 ? "$0" : `$${dollars.toFixed(dollars < 0.1 ? 3 : 2)}`, "per hour"]]);

  const most = Math.max(8, ...history);
  const points = history.map((value, at) => `${((at * 240) / (history.length - 1)).toFixed(1)} ${(34 - (value / most) * 32).toFixed(1)}`);
  $("spark-line").setAttribute("d", `M${points.join("L")}`);
  $("spark-area").setAttribute("d", `M0 36L${points.join("L")}L240 36Z`);
}

/** What the state means, for people. @returns {string} */
export function stateInWords(/** @type {import("./connection.js").State} */ state, /** @type {number} */ now_ms) {
  switch (state.kind) {
    case "connecting":
      return state.tries > 0 ? "Reconnecting…" : "Connecting…";
    case "connected":
      return "Connected";
    case "waiting":
      return `Reconnecting in ${Math.max(1, Math.ceil((state.until_ms - now_ms) / 1000))} s`;
    case "refused":
      return "Refused";
    case "closed":
      return "Disconnected";
  }
}
