// The panels around the field: the list of players, the state of the connection, the figures. Names and statuses come from other
// people, so they reach the page through textContent only.

import { playerColour } from "./colour.js";
import { $, $input, setAttribute, setText } from "./elements.js";

/** If the lobby has not answered for so long, the page shows it, in ms. */
const SILENT_MS = 2_000;
/** The list gets a filter from so many players on. */
const FILTER_FROM = 11;
const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} status
 * @property {number} tint
 * @property {number} distance in units; NaN: the own player, or there is none
 * @property {number} height in units; 0: on the ground
 * @property {boolean} is_me
 */

/** The list of players. A row lives as long as its player, so that focus and scroll position survive every change. */
export class RosterList {
  /** @type {Map<string, { item: HTMLLIElement, button: HTMLButtonElement, name: HTMLElement, you: HTMLElement, status: HTMLElement, distance: HTMLElement, glyph: SVGElement, shown: string }>} */
  #rows = new Map();
  #filter = "";
  /** @type {Row[]} */
  #last = [];
  #is_dark = true;
  #followed = "";

  /**
   * @param {{ follow: (id: string) => void, point: (id: string) => void }} on follow: a row was pressed; point: the pointer or
   *   the focus is on a row ("": on none)
   */
  constructor(on) {
    this.on = on;
    this.list = $("roster");
    const filter = $input("filter");
    filter.addEventListener("input", () => {
      this.#filter = filter.value.trim().toLowerCase();
      this.show(this.#last, this.#is_dark, this.#followed);
    });
    filter.addEventListener("keydown", (event) => {
      if (event.key === "Escape") filter.blur();
    });
  }

  #make(/** @type {string} */ id) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const glyph = /** @type {SVGElement} */ ($("my-glyph", SVGElement).cloneNode(true));
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
    return { item, button, name, you, status, distance, glyph, shown: "" };
  }

  show(/** @type {Row[]} */ rows, /** @type {boolean} */ is_dark, /** @type {string} */ followed) {
    this.#last = rows;
    this.#is_dark = is_dark;
    this.#followed = followed;
    const order = [...rows].sort((a, b) => Number(b.is_me) - Number(a.is_me) || compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
    const here = new Set();
    let shown = 0;
    /** @type {Element | null} */
    let next = this.list.firstElementChild;
    for (const row of order) {
      here.add(row.id);
      let known = this.#rows.get(row.id);
      if (!known) this.#rows.set(row.id, (known = this.#make(row.id)));
      const height = Math.abs(row.height) < 0.5 ? "" : ` ${row.height > 0 ? "↑" : "↓"}${shortDistance(Math.abs(row.height))}`;
      const distance = Number.isNaN(row.distance) ? height.trim() : shortDistance(row.distance) + height;
      const content = [row.name, row.status, distance, row.tint, is_dark, row.is_me].join("\n");
      if (content !== known.shown) {
        known.shown = content;
        known.name.textContent = row.name;
        known.status.textContent = row.status;
        known.status.hidden = row.status === "";
        known.distance.replaceChildren(distance, ...(distance ? [forScreenReader(" units away")] : []));
        known.you.hidden = !row.is_me;
        known.item.className = row.is_me ? "me" : "";
        known.glyph.style.color = `rgb(${playerColour(row.tint, is_dark)})`;
      }
      setAttribute(known.button, "aria-pressed", String(row.id === followed));
      const hidden = this.#filter !== "" && !`${row.name}\n${row.status}`.toLowerCase().includes(this.#filter);
      if (known.item.hidden !== hidden) known.item.hidden = hidden;
      if (!hidden) shown += 1;
      if (next === known.item) next = next.nextElementSibling;
      else this.list.insertBefore(known.item, next);
    }
    for (const [id, row] of this.#rows) {
      if (here.has(id)) continue;
      if (row.item.contains(document.activeElement)) this.list.focus(); // the keyboard stays in the list
      row.item.remove();
      this.#rows.delete(id);
    }
    setText("count-number", String(rows.length));
    setText("tab-count", String(rows.length));
    $("filter-box").hidden = rows.length < FILTER_FROM && this.#filter === "";
    $("no-match").hidden = shown > 0 || this.#filter === "";
  }
}

/** A text for screen readers only. */
function forScreenReader(/** @type {string} */ words) {
  const part = document.createElement("span");
  part.className = "hidden";
  part.textContent = words;
  return part;
}

/** A distance in few characters. */
function shortDistance(/** @type {number} */ units) {
  if (units < 10) return units.toFixed(1);
  if (units < 10_000) return String(Math.round(units));
  return `${(units / 1000).toLocaleString("en", { maximumFractionDigits: 0 })} k`;
}

/** Sets figures, each with its unit in a quieter colour. */
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
 * @param {number} round_trip_ms NaN: not known
 * @param {number[]} late_ms  of each player that moves
 */
export function showTraffic(rates, history, round_trip_ms, late_ms) {
  setFigure("in", [[rate(rates.in), "msg/s"], bytes(rates.in_bytes)]);
  setFigure("out", [[rate(rates.out), "msg/s"], bytes(rates.out_bytes)]);
  if (Number.isNaN(round_trip_ms)) setFigure("latency", [["–", ""]]);
  else setFigure("latency", [[round_trip_ms < 10 ? round_trip_ms.toFixed(1) : String(Math.round(round_trip_ms)), "ms"]]);
  if (late_ms.length === 0) {
    setFigure("late", [["no player moves", ""]]);
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
  $("spark-line", SVGElement).setAttribute("d", `M${points.join("L")}`);
  $("spark-area", SVGElement).setAttribute("d", `M0 36L${points.join("L")}L240 36Z`);
}

/** A text as a sentence: it starts with a capital and ends with a full stop. */
export function sentence(/** @type {string} */ text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) || capital === "" ? capital : `${capital}.`;
}

/** The state of the connection in words. @returns {string} */
export function statusText(/** @type {import("../client/client.js").Status} */ status, /** @type {number} */ now_ms) {
  switch (status.kind) {
    case "connecting":
      return status.tries > 0 ? "Reconnecting…" : "Connecting…";
    case "connected":
      return "Connected";
    case "waiting": {
      const seconds = Math.max(1, Math.ceil((status.until_ms - now_ms) / 1000));
      const is_alone = status.tries > 2 && status.why.startsWith("no lobby answers");
      return `Reconnecting in ${seconds} s${is_alone ? " · no lobby answers there" : ""}`;
    }
    case "refused":
      return status.code === "taken_over" ? "Connected elsewhere" : "Refused";
    case "closed":
      return "Disconnected";
  }
}

/** Announces a text to screen readers. */
export const announce = (/** @type {string} */ text) => setText("announcer", text);

/** Shows the state of the connection in words. During a pause the seconds change. */
export function showSeconds(/** @type {import("../client/client.js").Status} */ status, /** @type {number} */ now_ms, silent_ms = 0) {
  const is_silent = status.kind === "connected" && silent_ms > SILENT_MS;
  setAttribute($("state"), "data-kind", is_silent ? "waiting" : status.kind);
  setText("state-text", is_silent ? `No answer for ${Math.floor(silent_ms / 1000)} s` : statusText(status, now_ms));
}

/** Shows a new state of the connection, and announces it. The seconds of a pause change on the page only. */
export function showConnection(/** @type {import("../client/client.js").Status} */ status, /** @type {number} */ now_ms) {
  const { kind, why, code } = status;
  $("state").title = why;
  $("try-now").hidden = kind !== "waiting";
  const is_refused = kind === "refused";
  $("notice").hidden = !is_refused && kind !== "closed";
  const is_elsewhere = code === "taken_over";
  const refusal = code === "bad_address" ? "Not connected" : is_elsewhere ? "You are connected elsewhere" : "This lobby refused the connection";
  setText("notice-title", is_refused ? refusal : "Disconnected");
  const elsewhere = "The same player has connected in another tab or on another device. Only one of them can be in the room.";
  setText("notice-why", is_elsewhere ? elsewhere : is_refused ? sentence(why) : "The other players no longer see you.");
  setText("notice-again", is_elsewhere ? "Continue here" : "Connect again");
  showSeconds(status, now_ms);
  if (kind === "waiting") announce(`${sentence(why)} Reconnecting.`);
  else if (is_refused) announce(`${refusal}: ${is_elsewhere ? elsewhere : sentence(why)}`);
  else if (kind === "closed") announce("Disconnected.");
}
