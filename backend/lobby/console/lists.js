// Lists that a keyboard can walk through. A list is one stop of the Tab key; arrow keys, Home, End and page keys move inside of it,
// and Enter chooses. A row lives as long as its item, so that the focus survives every change.

import { setAttribute } from "../viewer/elements.js";

/** So many rows are skipped by a page key. */
const PAGE_ROWS = 10;

/**
 * @template Item
 * @typedef {object} Row
 * @property {HTMLButtonElement} button
 * @property {(item: Item) => void} show
 */

/** @template Item */
export class KeyList {
  /** @type {Map<string, { item: HTMLLIElement, row: Row<Item> }>} */
  #rows = new Map();
  /** @type {string[]} */
  #order = [];
  #current = "";

  /**
   * @param {HTMLElement} list
   * @param {{ id: (item: Item) => string, make: () => Row<Item>, choose: (id: string) => void }} how
   */
  constructor(list, how) {
    this.list = list;
    this.how = how;
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("focusin", (event) => {
      const id = this.#order.find((one) => this.#rows.get(one)?.row.button === event.target);
      if (id !== undefined) this.#setCurrent(id);
    });
  }

  /** Focuses the current row; the list itself if it is empty. */
  focus() {
    (this.#rows.get(this.#current)?.row.button ?? this.list).focus();
  }

  show(/** @type {Item[]} */ items, /** @type {string} */ chosen) {
    const old = this.#order;
    this.#order = items.map(this.how.id);
    const here = new Set(this.#order);
    const had_focus = this.list.contains(document.activeElement);
    /** @type {Element | null} */
    let next = this.list.firstElementChild;
    items.forEach((item, index) => {
      const id = this.#order[index];
      let known = this.#rows.get(id);
      if (!known) this.#rows.set(id, (known = this.#make(id)));
      known.row.show(item);
      setAttribute(known.row.button, "aria-pressed", String(id === chosen));
      if (next === known.item) next = next.nextElementSibling;
      else this.list.insertBefore(known.item, next);
    });
    // The row that had the focus may be gone: the one at its place gets it.
    const at = old.indexOf(this.#current);
    for (const [id, { item }] of this.#rows) {
      if (here.has(id)) continue;
      item.remove();
      this.#rows.delete(id);
    }
    if (!here.has(this.#current)) this.#setCurrent(here.has(chosen) ? chosen : (this.#order[Math.min(Math.max(at, 0), this.#order.length - 1)] ?? ""));
    if (had_focus && !this.list.contains(document.activeElement)) this.focus();
  }

  #make(/** @type {string} */ id) {
    const item = document.createElement("li");
    const row = this.how.make();
    row.button.type = "button";
    row.button.tabIndex = -1;
    row.button.addEventListener("click", () => this.how.choose(id));
    item.append(row.button);
    return { item, row };
  }

  #setCurrent(/** @type {string} */ id) {
    const before = this.#rows.get(this.#current);
    if (before) before.row.button.tabIndex = -1;
    this.#current = id;
    const now = this.#rows.get(id);
    if (now) now.row.button.tabIndex = 0;
  }

  #pressed(/** @type {KeyboardEvent} */ event) {
    const last = this.#order.length - 1;
    const at = this.#order.indexOf(this.#current);
    if (last < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + PAGE_ROWS, PageUp: at - PAGE_ROWS }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (event.target === this.list) return void this.focus(); // from outside, into the list
    this.#setCurrent(this.#order[Math.min(last, Math.max(0, to))]);
    this.focus();
  }
}

/** The pages of a list: where each page begins, from the first to the current one. */
export class Pages {
  #begins = [""];
  /** @type {string | null} */
  #next = null;

  /** What the current page follows, for the API. */
  get after() {
    return this.#begins[this.#begins.length - 1];
  }

  get number() {
    return this.#begins.length;
  }

  get has_next() {
    return this.#next !== null;
  }

  /** The answer of the API for the current page. */
  take(/** @type {string | null} */ next) {
    this.#next = next;
  }

  first() {
    this.#begins = [""];
    this.#next = null;
  }

  forward() {
    if (this.#next === null) return;
    this.#begins.push(this.#next);
    this.#next = null;
  }

  back() {
    if (this.#begins.length > 1) this.#begins.pop();
  }
}
