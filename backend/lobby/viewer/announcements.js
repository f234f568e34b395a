// Texts for screen readers about players that join and leave: at most one text every few seconds, with names if there are few
// players and with numbers if there are many. Pure.

export const PAUSE_MS = 4_000;
const NAMES_MOST = 3;

export class Announcements {
  /** @type {Map<string, { name: string, joined: number }>} */
  #changes = new Map();
  #announced_ms = -Infinity;

  joined(/** @type {{ id: string, name: string }[]} */ players) {
    for (const player of players) this.#note(player, 1);
  }

  left(/** @type {{ id: string, name: string }[]} */ players) {
    for (const player of players) this.#note(player, -1);
  }

  #note(/** @type {{ id: string, name: string }} */ { id, name }, /** @type {number} */ step) {
    const joined = (this.#changes.get(id)?.joined ?? 0) + step;
    if (joined === 0) this.#changes.delete(id); // the player joined and left since the last text
    else this.#changes.set(id, { name, joined });
  }

  /** @returns {string} the text to announce now; "": none */
  due(/** @type {number} */ now_ms, /** @type {number} */ here) {
    if (this.#changes.size === 0 || now_ms - this.#announced_ms < PAUSE_MS) return "";
    this.#announced_ms = now_ms;
    const names = { joined: /** @type {string[]} */ ([]), left: /** @type {string[]} */ ([]) };
    for (const { name, joined } of this.#changes.values()) (joined > 0 ? names.joined : names.left).push(name);
    this.#changes.clear();
    const parts = [];
    for (const verb of /** @type {const} */ (["joined", "left"])) {
      const list = names[verb];
      if (list.length === 0) continue;
      parts.push(list.length <= NAMES_MOST ? `${listed(list)} ${verb}.` : `${list.length} players ${verb}.`);
    }
    return `${parts.join(" ")} ${here} here.`;
  }
}

function listed(/** @type {string[]} */ names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
