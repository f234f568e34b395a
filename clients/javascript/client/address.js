// The address of a lobby, with the player in its query. Pure.

import { VERSION } from "./messages.js";
import { oneLine } from "./text.js";

/**
 * @typedef {object} Address
 * @property {string} url   of the lobby: ws://, wss://, http://, https:// or only host:port
 * @property {string} room  empty: the lobby's default room
 * @property {string} pid   id of the player; empty: the token's subject, or an id that the lobby gives
 * @property {string} name  empty: the pid
 * @property {string} token empty: no token
 * @property {boolean} [watch] a watcher: it receives everything and is no player
 */

export const PID_PATTERN = /^[A-Za-z0-9_.:|@-]{1,64}$/;

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
  if (address.watch) url.searchParams.set("watch", "1");
  url.searchParams.set("v", String(VERSION));
  return url.href;
}

/**
 * The URL of the list of rooms: `rooms` beside the address of the lobby. Throws like {@link socketUrl}.
 * @param {Address} address
 * @param {number} limit of rooms, 1 to 1,000
 * @param {string} after only rooms whose names are greater; empty: from the first one
 */
export function roomsUrl(address, limit, after) {
  const lobby = new URL(socketUrl(address).replace(/^ws/, "http"));
  const url = new URL("rooms", lobby);
  url.searchParams.set("limit", String(limit));
  if (after) url.searchParams.set("after", after);
  const token = lobby.searchParams.get("token");
  if (token) url.searchParams.set("token", token);
  return url.href;
}
