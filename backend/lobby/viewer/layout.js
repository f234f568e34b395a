// The layout of the page: its size, which panels are open, light or dark.

import { $, onClick, setAttribute } from "./elements.js";
import { load, save } from "./storage.js";

/** Height of the head of the page, which the camera leaves free, in CSS pixels. */
const TOP_PX = 56;
const NARROW = "(max-width: 860px)";

/** The screen and what panels cover of it. @returns {import("./camera.js").Screen} */
export function measureScreen() {
  const { clientWidth: width, clientHeight: height } = document.documentElement;
  const box = (/** @type {string} */ selector) => document.querySelector(selector)?.getBoundingClientRect();
  if (!matchMedia(NARROW).matches) {
    const right = width - (box("#roster-panel")?.left ?? width);
    return { width, height, top: TOP_PX, right, bottom: 0, left: box(".left")?.right ?? 0 };
  }
  const covered_from = (box(".panel.open") ?? box(".tabs"))?.top ?? height;
  return { width, height, top: TOP_PX, right: 0, bottom: height - covered_from + 4, left: 0 };
}

/** Calls `resized` when the size of the page or of its left column changes. */
export function onResize(/** @type {() => void} */ resized) {
  const observer = new ResizeObserver(resized);
  for (const element of [document.documentElement, document.querySelector(".left")]) if (element) observer.observe(element);
}

/** On a narrow page panels open one at a time, by buttons. */
export function connectTabs(/** @type {() => void} */ changed) {
  const tabs = [...document.querySelectorAll(".tabs button")].filter((tab) => tab instanceof HTMLButtonElement);
  const isOpen = (/** @type {HTMLButtonElement} */ tab) => tab.getAttribute("aria-expanded") === "true";
  const open = (/** @type {HTMLButtonElement | null} */ opened) => {
    for (const tab of tabs) {
      setAttribute(tab, "aria-expanded", String(tab === opened));
      $(tab.getAttribute("aria-controls") ?? "").classList.toggle("open", tab === opened);
    }
    document.body.classList.toggle("panel-open", opened !== null);
    changed();
  };
  for (const tab of tabs) tab.addEventListener("click", () => open(isOpen(tab) ? null : tab));
  addEventListener("keydown", (event) => {
    const tab = tabs.find(isOpen);
    if (event.key !== "Escape" || !tab || $("address", HTMLDialogElement).open) return;
    open(null);
    tab.focus();
  });
}

/** Light or dark: as the person chose on this page, else as the system is. */
export class Theme {
  #chosen = load("lobby-theme");
  #system = matchMedia("(prefers-color-scheme: dark)");

  constructor(/** @type {() => void} */ changed) {
    this.#show();
    this.#system.addEventListener("change", changed);
    onClick("theme", () => {
      this.#chosen = this.is_dark ? "light" : "dark";
      save("lobby-theme", this.#chosen);
      this.#show();
      changed();
    });
  }

  get is_dark() {
    return this.#chosen ? this.#chosen === "dark" : this.#system.matches;
  }

  #show() {
    if (this.#chosen) document.documentElement.dataset.theme = this.#chosen;
  }
}
