// The address of the lobby and of the own player, from the page's own address and from the form. Pure.

import { oneLine } from "../client/text.js";

/**
 * @typedef {object} Address
 * @property {string} url   of the lobby: ws://, wss://, http://, https:// or only host:port
 * @property {string} room  empty: the lobby's default room
 * @property {string} pid   id of the player; empty: the token's subject
 * @property {string} name  empty: the pid
 * @property {string} token empty: no token
 */

export const PID_PATTERN = /^[A-Za-z0-9_.:|@-]{1,64}$/;

/**
 * The lobby that served this page: the same host and the same folder. Behind a proxy the folder matters.
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
 * @param {string} pid  used if neither the page's address nor a token names a player
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
 * The URL of the WebSocket. Throws an Error whose message is a sentence for the page.
 * @param {Address} address
 */
export function socketUrl(address) {
  let text = address.url.trim();
  if (!text) throw new Error("Enter the address of a lobby.");
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) text = `ws://${text}`;
  let url;
  try {
    url = new URL(text.replace(/^http/i, "ws"));
  } catch {
    throw new Error(`“${oneLine(address.url, 80)}” is not a valid address of a lobby.`);
  }
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new Error("The address of a lobby starts with ws:// or wss://.");
  }
  if (address.pid && !PID_PATTERN.test(address.pid)) {
    throw new Error("The pid is not valid: it must have 1 to 64 letters, digits or the characters _ . : | @ -.");
  }
  url.hash = "";
  for (const key of /** @type {const} */ (["pid", "room", "name", "token"])) {
    if (address[key]) url.searchParams.set(key, address[key]);
  }
  url.searchParams.set("v", "2");
  return url.href;
}
