// What the console asks before each action, and what it does then.

import { lasting } from "./plot.js";

/** @typedef {import("./ask.js").Question} Question */
/** @typedef {import("./api.js").Api} Api */

/** The longest reason; the API refuses longer ones. */
const REASON_CHARACTERS = 100;

/** @type {[string, string][]} */
const SPANS = [600, 3_600, 86_400, 604_800, 2_592_000, 31_536_000].map((seconds) => [String(seconds), spanText(seconds)]);

function spanText(/** @type {number} */ seconds) {
  if (seconds < 86_400) return seconds < 3_600 ? `${seconds / 60} minutes` : seconds === 3_600 ? "1 hour" : `${seconds / 3_600} hours`;
  return seconds === 86_400 ? "1 day" : `${seconds / 86_400} days`;
}

const reason = { name: "reason", label: "Reason, which the player reads", most: REASON_CHARACTERS };
const duration = { name: "seconds", label: "For", choices: SPANS, value: "3600" };
const counted = (/** @type {number} */ count, /** @type {string} */ one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

/** @returns {Question} */
export function kick(/** @type {Api} */ api, /** @type {string} */ room, /** @type {import("./api.js").PlayerView} */ { id, name }) {
  return {
    title: `Kick ${name}?`,
    text: `${id} leaves the room ${room}. Its client does not come back by itself.`,
    fields: [reason],
    go: "Kick",
    is_dangerous: true,
    act: async (values) => {
      await api.kick(room, id, values.reason);
      return `${name} is removed from ${room}.`;
    },
  };
}

/** @returns {Question} */
export function ban(/** @type {Api} */ api, /** @type {string} */ room, /** @type {import("./api.js").PlayerView} */ { id, name }) {
  return {
    title: `Ban ${name}?`,
    text: `${id} leaves all rooms, and cannot connect before the ban ends.`,
    fields: [duration, reason],
    go: "Ban",
    is_dangerous: true,
    act: async (values) => {
      await api.ban(room, id, Number(values.seconds), values.reason);
      return `${name} is banned for ${spanText(Number(values.seconds))}.`;
    },
  };
}

/** @returns {Question} */
export function banId(/** @type {Api} */ api) {
  return {
    title: "Ban a player id",
    text: "The player need not be here. It cannot connect to any room before the ban ends.",
    fields: [{ name: "player", label: "Id of the player", most: 64, required: true }, duration, reason],
    go: "Ban",
    is_dangerous: true,
    act: async (values) => {
      await api.ban("lobby", values.player.trim(), Number(values.seconds), values.reason);
      return `${values.player.trim()} is banned for ${spanText(Number(values.seconds))}.`;
    },
  };
}

/** @returns {Question} */
export function unbanAll(/** @type {Api} */ api) {
  return {
    title: "Remove all bans?",
    text: "All banned players can connect again.",
    fields: [],
    go: "Remove all bans",
    is_dangerous: true,
    act: async () => `${counted((await api.unban("")).removed, "ban")} removed.`,
  };
}

/** @param {Api} api @param {string} room "": all rooms @returns {Question} */
export function message(api, room) {
  return {
    title: room ? `Message to ${room}` : "Message to all rooms",
    text: "Players receive an event without a sender. The game decides what it shows. Clients of protocol version 1 receive no events.",
    fields: [
      { name: "event", label: "Name of the event", value: "notice", required: true, most: 64 },
      { name: "text", label: 'Text, sent as {"text": …}' },
      { name: "data", label: "Or other data, a JSON object", kind: "area" },
    ],
    go: "Send",
    act: async ({ event, text, data }) => {
      const { connections } = await api.send(room, event.trim(), dataOf(text, data));
      return `Sent ${event.trim()} to ${counted(connections, "connection")}${room ? ` of ${room}` : ""}.`;
    },
  };
}

/** The data of an event. Throws an Error that states what is wrong. @returns {object} */
export function dataOf(/** @type {string} */ text, /** @type {string} */ json) {
  if (!json.trim()) return text ? { text } : {};
  if (text) throw new Error("Use the text or the JSON object, and leave the other one empty.");
  let data;
  try {
    data = JSON.parse(json);
  } catch {
    throw new Error('This is no JSON. An example: {"minutes": 5}');
  }
  if (data === null || typeof data !== "object" || Array.isArray(data)) throw new Error('Data is a JSON object. An example: {"minutes": 5}');
  return data;
}

/** @returns {Question} */
export function closeRoom(/** @type {Api} */ api, /** @type {string} */ room, /** @type {number} */ players) {
  return {
    title: `Close ${room}?`,
    text: `${counted(players, "player")} and all watchers leave the room. Their clients do not come back by themselves. Other players may join it again.`,
    fields: [],
    go: "Close room",
    is_dangerous: true,
    act: async () => `${room} is closed. ${counted((await api.close(room)).closed, "connection")} ended.`,
  };
}

/** @returns {Question} */
export function drain(/** @type {Api} */ api, /** @type {number} */ players) {
  return {
    title: "Drain and stop this lobby?",
    text: `The lobby refuses new players, asks ${counted(players, "player")} to come back later, and then stops. This page then has no lobby.`,
    fields: [{ name: "seconds", label: "Over how many seconds", kind: "number", value: "10", most: 3_600, required: true }],
    go: "Drain and stop",
    is_dangerous: true,
    act: async (values) => {
      const { players: leaving, seconds } = await api.drain(Number(values.seconds));
      return `${counted(leaving, "player")} leave within ${lasting(seconds)}. Then the lobby stops.`;
    },
  };
}
