// Where the lobby is and who we are, from the page's own address and from what a person typed. Pure.

/**
 * @typedef {object} Address
 * @property {string} url   the lobby: ws://, wss://, http://, https:// or just host:port
 * @property {string} room  empty: the lobby's default
 * @property {string} pid   empty: the token's subject
 * @property {string} name  empty: the pid
 * @property {string} token empty: none
 */

export const PID_PATTERN = /^[A-Za-z0-9_.:-]{1,64}$/;
export const NAME_LIMIT = 32;
export const STATUS_LIMIT = 32;

/** A word of a stranger, made fit for one line: no control characters, no direction overrides, not too long. */
export function oneLine(/** @type {unknown} */ text, limit = NAME_LIMIT) {
  if (typeof text !== "string") return "";
  const clean = text.replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "").trim();
  return [...clean].slice(0, limit).join("");
}

/**
 * The lobby that served this page: the same host, and the same folder for those behind a proxy.
 * @param {string} page location.href
 */
export function lobbyOf(page) {
  const url = new URL("./", page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = url.pathname.replace(/viewer\/$/, "");
  url.search = url.hash = "";
  return url.href;
}

/**
 * @param {string} page location.href, `?url=..&room=..&pid=..&name=..&token=..`
 * @param {string} pid  used when neither the page nor a token says who we are
 * @returns {Address}
 */
export function fromPage(page, pid) {
  const query = new URL(page).searchParams;
  const token = query.get("token") ?? "";
  return {
    url: query.get("url") || lobbyOf(page),
    room: query.get("room") ?? "",
    pid: query.get("pid") || (token ? "" : pid),
    name: oneLine(query.get("name") ?? "") || "Visitor",
    token,
  };
}

/**
 * The address to open. Throws an Error with a sentence for people.
 * @param {Address} address
 */
export function socketUrl(address) {
  let text = address.url.trim();
  if (!text) throw new Error("Type the address of a lobby first.");
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) text = `ws://${text}`;
  let url;
  try {
    url = new URL(text.replace(/^http/i, "ws"));
  } catch {
    throw new Error(`“${oneLine(address.url, 80)}” is not the address of a lobby.`);
  }
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new Error("The address of a lobby begins with ws:// or wss://.");
  }
  if (address.pid && !PID_PATTERN.test(address.pid)) {
    throw new Error("A pid has 1 to 64 letters, digits or _ . : -");
  }
  url.hash = "";
  for (const key of /** @type {const} */ (["pid", "room", "name", "token"])) {
    if (address[key]) url.searchParams.set(key, address[key]);
  }
  url.searchParams.set("v", "2");
  return url.href;
}
