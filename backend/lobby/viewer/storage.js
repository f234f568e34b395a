// What a page keeps in the browser: the id and name of the player, or the key of the console, as long as the tab lives, and the theme
// for ever.

/** @typedef {"lobby-pid" | "lobby-name" | "lobby-theme" | "lobby-admin-key"} Key */

const place = (/** @type {Key} */ key) => (key === "lobby-theme" ? window.localStorage : window.sessionStorage);

/** Another tab answers within so long, in ms. */
const ANSWER_MS = 200;

/** The stored value; "" if there is none. Private windows and sandboxed pages have no storage, and work without it. */
export function load(/** @type {Key} */ key) {
  try {
    return place(key).getItem(key) ?? "";
  } catch {
    return "";
  }
}

export function save(/** @type {Key} */ key, /** @type {string} */ value) {
  try {
    place(key).setItem(key, value);
  } catch {
    // No storage: the value lives as long as the page.
  }
}

/** Makes a new id for this tab, and keeps it. */
function newPid() {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte % 36).toString(36));
  const pid = `visitor_${letters.join("")}`;
  save("lobby-pid", pid);
  return pid;
}

/** The id of this tab: a reload is the same player, another tab is another player. */
export const storedPid = () => load("lobby-pid") || newPid();

/**
 * The same, unless another tab has the id. "Duplicate tab" copies the storage with the id, and the lobby would close the
 * connection of the first tab. The tab that holds the lock keeps the id.
 * @returns {Promise<string>}
 */
export async function ownPid() {
  const pid = storedPid();
  if (!navigator.locks) return (await isTaken(pid)) ? newPid() : pid;
  return new Promise((resolve) => {
    navigator.locks
      .request(`lobby-${pid}`, { ifAvailable: true }, (lock) => {
        resolve(lock ? pid : newPid());
        return lock ? new Promise(() => {}) : undefined;
      })
      .catch(() => resolve(pid));
  });
}

/**
 * Whether another tab has the id, without locks: browsers have none on plain http, except on localhost. Each tab that has the
 * id answers on a channel. Of two tabs that ask at the same time, the one with the larger number keeps the id.
 * @returns {Promise<boolean>}
 */
function isTaken(/** @type {string} */ pid) {
  return new Promise((resolve) => {
    if (typeof BroadcastChannel === "undefined") return void resolve(false);
    const channel = new BroadcastChannel(`lobby-${pid}`);
    let number = Math.random();
    const timer = setTimeout(() => {
      number = Infinity; // from now on this tab has the id, and answers as long as it lives
      resolve(false);
    }, ANSWER_MS);
    channel.onmessage = ({ data }) => {
      if (data < number) return void channel.postMessage(number);
      clearTimeout(timer);
      channel.close();
      resolve(true);
    };
    channel.postMessage(number);
  });
}
