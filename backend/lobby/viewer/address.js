// The address of the lobby and of the own player, from the page's own address and from the form. Pure.

import { oneLine } from "../client/text.js";

/** @typedef {import("../client/address.js").Address} Address */

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
    watch: query.get("watch") === "1",
  };
}
