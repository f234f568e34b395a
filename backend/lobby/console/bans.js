// The dialog with all bans.

import { $, onClick, setText } from "../viewer/elements.js";
import { inWords } from "./ask.js";

/**
 * @typedef {object} Actions
 * @property {() => Promise<import("./api.js").Ban[]>} bans
 * @property {(player: string) => Promise<void>} remove
 * @property {() => void} add asks for a player to ban
 * @property {() => void} removeAll asks before it removes all bans
 */

export class BanDialog {
  #dialog = $("bans", HTMLDialogElement);

  constructor(/** @type {Actions} */ actions) {
    this.actions = actions;
    onClick("bans-close", () => this.#dialog.close());
    onClick("ban-id", () => actions.add());
    onClick("unban-all", () => actions.removeAll());
  }

  async open() {
    $("ban-list").replaceChildren();
    this.#dialog.showModal();
    await this.refresh();
  }

  /** Reads the bans again, if the dialog is open. */
  async refresh() {
    if (!this.#dialog.open) return;
    try {
      this.#show(await this.actions.bans());
      setText("bans-error", "");
    } catch (error) {
      setText("bans-error", inWords(error));
    }
  }

  #show(/** @type {import("./api.js").Ban[]} */ bans) {
    const list = $("ban-list");
    const had_focus = list.contains(document.activeElement);
    const at = [...list.children].findIndex((item) => item.contains(document.activeElement));
    list.replaceChildren(...bans.map((ban) => this.#item(ban)));
    $("no-bans").hidden = bans.length > 0;
    $("unban-all").hidden = bans.length === 0;
    if (!had_focus) return;
    const buttons = list.querySelectorAll("button");
    (buttons[Math.min(at, buttons.length - 1)] ?? $("bans-close")).focus();
  }

  #item(/** @type {import("./api.js").Ban} */ { player, until_ms, reason }) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = `${player}, until ${new Date(until_ms).toLocaleString("en", { hour12: false })}${reason ? `: ${reason}` : ""}`;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove the ban of ${player}`);
    button.addEventListener("click", () => void this.#remove(player));
    item.append(text, button);
    return item;
  }

  async #remove(/** @type {string} */ player) {
    try {
      await this.actions.remove(player);
      await this.refresh();
    } catch (error) {
      setText("bans-error", inWords(error));
    }
  }
}
