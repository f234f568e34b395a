// Keyboard, mouse, fingers and buttons of the page: they reach the input and the view.

import { $, onClick, setAttribute } from "./elements.js";

/**
 * @typedef {object} Parts
 * @property {import("./input.js").Input} input
 * @property {import("./view.js").View} view
 * @property {() => string} me the id of the own player
 * @property {() => void} changed something changed that must be drawn
 */

const ZOOM_KEY = 1.3;
const ZOOM_BUTTON = 1.4;
const ZOOM_WHEEL = 0.0018; // per pixel
const WHEEL_PX = 300; // one turn counts as at most so many pixels
const LINE_PX = 16;

/** Keys fly the ship, except where they write text, choose a status or scroll. */
function isForShip(/** @type {EventTarget | null} */ target) {
  if (!(target instanceof Element) || target.closest("dialog")) return false;
  return !target.closest("input, textarea, select, #roster-panel");
}

function connectKeys(/** @type {Parts} */ { input, view, me, changed }) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isForShip(event.target)) return;
    if (input.keyDown(event.code)) event.preventDefault();
    else if (event.key === "+" || event.key === "=") view.zoomBy(ZOOM_KEY);
    else if (event.key === "-") view.zoomBy(1 / ZOOM_KEY);
    else if (event.key === "f") view.fit();
    else if (event.key === "m") view.toggleFollow(me());
    else if (event.key === "/" && !$("filter-box").hidden) {
      event.preventDefault();
      $("filter").focus();
    }
    changed();
  });
  addEventListener("keyup", (event) => input.keyUp(event.code));
  addEventListener("blur", () => input.release());
}

function connectPointers(/** @type {Parts} */ { input, view, changed }) {
  const field = $("field");
  const pointer = (/** @type {PointerEvent} */ { pointerId: id, clientX: x, clientY: y, pointerType }) => ({ id, x, y, is_mouse: pointerType === "mouse" });
  field.addEventListener("pointerdown", (event) => {
    field.setPointerCapture(event.pointerId);
    input.pointerDown(pointer(event));
    if (event.pointerType === "mouse") field.classList.add("dragging");
    changed();
  });
  field.addEventListener("pointermove", (event) => {
    const gesture = input.pointerMove(pointer(event));
    if (gesture?.kind === "drag") view.dragBy(gesture.dx, gesture.dy);
    else if (gesture?.kind === "pinch") view.pinch(gesture);
    if (input.is_held) changed();
  });
  for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) {
    field.addEventListener(kind, (event) => {
      input.pointerUp(event.pointerId);
      if (!input.is_held) field.classList.remove("dragging");
      changed();
    });
  }
  const wheel = (/** @type {WheelEvent} */ event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    const bounded = Math.max(-WHEEL_PX, Math.min(WHEEL_PX, pixels));
    view.zoomBy(Math.exp(-bounded * ZOOM_WHEEL), { x: event.clientX, y: event.clientY });
    changed();
  };
  field.addEventListener("wheel", wheel, { passive: false });
}

export function connectControls(/** @type {Parts} */ parts) {
  connectKeys(parts);
  connectPointers(parts);
  const { view, me, changed } = parts;
  const then = (/** @type {() => void} */ action) => () => {
    action();
    changed();
  };
  onClick("follow", then(() => view.toggleFollow(me())));
  onClick("fit", then(() => view.fit()));
  onClick("zoom-in", then(() => view.zoomBy(ZOOM_BUTTON)));
  onClick("zoom-out", then(() => view.zoomBy(1 / ZOOM_BUTTON)));
}

/** Shows what the camera does in its buttons. */
export function showView(/** @type {import("./view.js").View} */ view, /** @type {string} */ me) {
  setAttribute($("fit"), "aria-pressed", String(view.mode === "fit"));
  setAttribute($("follow"), "aria-pressed", String(view.mode === "follow" && view.followed === me));
}
