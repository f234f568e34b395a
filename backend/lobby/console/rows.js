// The rows of both lists, and the facts of a player. Texts of players reach the page through textContent only.

import { playerColour } from "../viewer/colour.js";
import { lasting, short } from "./plot.js";

/**
 * @typedef {import("./api.js").RoomView & { rate: import("./rates.js").Rate | null }} RoomRow
 * @typedef {import("./api.js").PlayerView & { tint: number, is_dark: boolean }} PlayerRow
 */

/** @returns {import("./lists.js").Row<RoomRow>} */
export function roomRow() {
  const button = document.createElement("button");
  const [name, players, received, sent] = ["name", "number", "number", "number"].map((kind) => button.appendChild(span(kind)));
  const isNew = change();
  return {
    button,
    show({ room, players: here, size, rate }) {
      if (!isNew([room, here, size, rate && short(rate.in), rate && short(rate.out)])) return;
      name.textContent = room;
      name.title = room;
      players.replaceChildren(String(here), quiet(`/${size}`), forScreenReader(" players,"));
      received.replaceChildren(rate ? short(rate.in) : "–", forScreenReader(" messages in a second,"));
      sent.replaceChildren(rate ? short(rate.out) : "–", forScreenReader(" out"));
    },
  };
}

/** @param {SVGElement} glyph a ship @returns {import("./lists.js").Row<PlayerRow>} */
export function playerRow(glyph) {
  const button = document.createElement("button");
  const ship = /** @type {SVGElement} */ (glyph.cloneNode(true));
  const [name, status, age] = ["name", "status", "distance"].map(span);
  button.append(ship, name, status, age);
  const isNew = change();
  return {
    button,
    show(player) {
      const age_text = lasting(player.age_s);
      if (!isNew([player.name, player.status, age_text, player.tint, player.is_dark])) return;
      name.textContent = player.name;
      name.title = player.id;
      status.textContent = player.status;
      status.hidden = player.status === "";
      age.replaceChildren(age_text, forScreenReader(" here"));
      ship.style.color = `rgb(${playerColour(player.tint, player.is_dark)})`;
    },
  };
}

/** What is known of a player: names and values. @returns {[string, string][]} */
export function facts(/** @type {import("./api.js").PlayerView} */ player) {
  const { position, data } = player;
  const place = position && [position.x, position.y, position.z].map((value) => value.toFixed(1)).join(", ");
  return [
    ["Id", player.id],
    ["Status", player.status || "–"],
    ["Position", place ?? "has not moved"],
    ["Data", Object.keys(data).length > 0 ? JSON.stringify(data) : "–"],
    ["Address", player.address || "not known"],
    ["Here for", `${lasting(player.age_s)}${player.connections > 1 ? `, ${player.connections} connections` : ""}`],
    ["Last received", `${lasting(player.seen_s)} ago`],
  ];
}

/** Whether a row shows something else than before. Most rows stay as they are. */
function change() {
  let before = "";
  return (/** @type {unknown[]} */ shown) => {
    const now = JSON.stringify(shown);
    const is_new = now !== before;
    before = now;
    return is_new;
  };
}

function span(/** @type {string} */ kind) {
  const part = document.createElement("span");
  part.className = kind;
  return part;
}

function quiet(/** @type {string} */ text) {
  const part = span("unit");
  part.textContent = text;
  return part;
}

function forScreenReader(/** @type {string} */ text) {
  const part = span("hidden");
  part.textContent = text;
  return part;
}
