// What a screen reader is told about people coming and going: never more often than every few seconds, names when they
// are few and numbers when they are many. Pure.

export const PAUSE_MS = 4_000;
const NAMES_MOST = 3;

export class Announcements {
  /** @type {Map<string, { name: string, came: number }>} */
  #changes = new Map();
  #spoke_ms = -Infinity;

  came(/** @type {{ id: string, name: string }[]} */ players) {
    for (const player of players) this.#note(player, 1);
  }

  left(/** @type {{ id: string, name: string }[]} */ players) {
    for (const player of players) this.#note(player, -1);
  }

  #note(/** @type {{ id: string, name: string }} */ { id, name }, /** @type {number} */ step) {
    const came = (this.#changes.get(id)?.came ?? 0) + step;
    if (came === 0) this.#changes.delete(id); // came and went again in between: nothing to tell
    else this.#changes.set(id, { name, came });
  }

  /** @returns {string} what to say now; "": nothing */
  due(/** @type {number} */ now_ms, /** @type {number} */ here) {
    if (this.#changes.size === 0 || now_ms - this.#spoke_ms < PAUSE_MS) return "";
    this.#spoke_ms = now_ms;
    const names = { joined: /** @type {string[]} */ ([]), left: /** @type {string[]} */ ([]) };
    for (const { name, came } of this.#changes.values()) (came > 0 ? names.joined : names.left).push(name);
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
