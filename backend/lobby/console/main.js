// The console: asks for the key, reads the lobby once a second, shows it, and acts on it.
//
// The key is in sessionStorage only, and travels in a header. `window.lobby.snapshot()` is for tests: what the page shows.

import { Tints } from "../viewer/colour.js";
import { $, $input, onClick, onSubmit, setAttribute, setText } from "../viewer/elements.js";
import { Theme } from "../viewer/layout.js";
import { load, save } from "../viewer/storage.js";
import { Api, Refusal } from "./api.js";
import { Asking, inWords } from "./ask.js";
import { BanDialog } from "./bans.js";
import { Charts } from "./charts.js";
import { KeyList, Pages } from "./lists.js";
import { RoomMap } from "./map.js";
import { joined, lasting, short } from "./plot.js";
import * as questions from "./questions.js";
import { RoomRates } from "./rates.js";
import { facts, playerRow, roomRow } from "./rows.js";

/** The page reads rooms and players so often, in ms. */
const READ_MS = 1_000;
/** The page reads statistics so often, in ms. */
const STATS_MS = 2_000;
/** How long a result is shown, in ms. */
const RESULT_MS = 10_000;
const SHIP = "M17 10 4.5 16 7.5 10 4.5 4z";

/** @type {Api | null} */
let api = null;
/** @type {import("./api.js").RoomPage} */
let rooms = { rooms: [], total: 0, next: null };
/** @type {import("./api.js").PlayerPage | null} */
let room = null;
/** @type {import("./api.js").Point[]} */
let points = [];
/** @type {import("./api.js").Now | null} */
let now = null;
let interval_s = 10;
let chosen_room = "";
let chosen_player = "";
let tints = new Tints();
let stats_ms = -Infinity;
let answered_ms = 0;
let is_reading = false;
let is_read_again = false;
/** Answers to questions of another room or page are not shown. */
let question = 0;
let result_timer = 0;
const rates = new RoomRates();
const room_pages = new Pages();
const player_pages = new Pages();

// ── the key ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function open(/** @type {string} */ key) {
  const trying = new Api(key);
  try {
    takeStats(await trying.stats(0));
  } catch (error) {
    askForKey(inWords(error));
    if (!(error instanceof Refusal)) $input("key").value = key; // the key may be right: Enter tries again
    return;
  }
  save("lobby-admin-key", key);
  api = trying;
  showPage(true);
  $input("key").value = "";
  await read();
  room_list.focus();
}

function showPage(/** @type {boolean} */ is_open) {
  $("key-page").hidden = is_open;
  for (const id of ["console", "tools", "skip"]) $(id).hidden = !is_open;
}

/** Forgets the key, and asks for one. `why` is shown; "": there is no error. */
function askForKey(/** @type {string} */ why) {
  api = null;
  save("lobby-admin-key", "");
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  showPage(false);
  setText("now", "");
  showState("refused", why ? "Not connected" : "No key yet");
  setText("key-error", why);
  setAttribute($("key"), "aria-invalid", String(why !== ""));
  $("key").focus();
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads everything that is shown. A second call while the first one runs reads once more afterwards. */
async function read() {
  if (is_reading) {
    is_read_again = true;
    return;
  }
  is_reading = true;
  do {
    is_read_again = false;
    if (api) await readOnce(api);
  } while (is_read_again);
  is_reading = false;
}

async function readOnce(/** @type {Api} */ asked) {
  const mine = question;
  const is_stats_due = performance.now() - stats_ms >= STATS_MS;
  try {
    const prefix = $input("find-room").value.trim();
    const [found, players, stats] = await Promise.all([
      /^[A-Za-z0-9_.:|@-]*$/.test(prefix) ? asked.rooms(prefix, room_pages.after) : { ...rooms, rooms: [], next: null },
      chosen_room ? asked.players(chosen_room, player_pages.after).catch(nothingThere) : null,
      is_stats_due ? asked.stats(points.at(-1)?.at_ms ?? 0) : null,
    ]);
    if (api !== asked) return;
    answered_ms = performance.now();
    if (stats) takeStats(stats);
    if (mine !== question) {
      is_read_again = true;
      return;
    }
    takeRooms(found);
    if (mine === question) takePlayers(players); // else the first room has just been chosen
    showState(now?.draining ? "waiting" : "connected", now?.draining ? "Draining" : "Live");
  } catch (error) {
    if (api !== asked) return;
    if (error instanceof Refusal && error.status === 401) askForKey(error.message);
    else showState("waiting", `${error instanceof Refusal ? error.message : "No answer"} · shown ${lasting((performance.now() - answered_ms) / 1000)} ago`);
  }
}

/** A room without players is not there. */
function nothingThere(/** @type {unknown} */ error) {
  if (error instanceof Refusal && error.status === 404) return null;
  throw error;
}

function takeStats(/** @type {import("./api.js").Stats} */ stats) {
  stats_ms = performance.now();
  const restarted = now !== null && stats.now.uptime_s < now.uptime_s;
  now = stats.now;
  interval_s = stats.interval_s;
  points = joined(restarted ? [] : points, stats.points);
  charts.show(points, interval_s);
  setText("now", `${counted(now.players, "player")} · ${counted(now.rooms, "room")} · ${counted(now.connections, "connection")} · up ${lasting(now.uptime_s)}`);
  document.title = `${now.players} here · Lobby console`;
}

function takeRooms(/** @type {import("./api.js").RoomPage} */ found) {
  rooms = found;
  room_pages.take(found.next);
  rates.take(found.rooms, performance.now());
  if (!chosen_room && found.rooms.length > 0) chooseRoom(found.rooms[0].room);
  showRooms();
}

function takePlayers(/** @type {import("./api.js").PlayerPage | null} */ found) {
  const before = new Set(room?.players.map(({ id }) => id));
  room = found;
  player_pages.take(found?.next ?? null);
  for (const { id } of found?.players ?? []) before.delete(id);
  for (const id of before) tints.forget(id);
  const here = found?.players ?? [];
  const moving = here.filter(({ position }) => position && (position.vx !== 0 || position.vy !== 0)).length;
  const chosen = new Map(here.map(({ id, data }) => [id, data]));
  map.take(here, (id) => tints.of(id, chosen.get(id)), chosen_room ? `Map of ${chosen_room}: ${counted(here.length, "player")}, ${moving} moving` : "No room is chosen");
  showPlayers();
}

// ── showing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const counted = (/** @type {number} */ count, /** @type {string} */ one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

function showState(/** @type {"connecting" | "connected" | "waiting" | "refused"} */ kind, /** @type {string} */ text) {
  if ($("state").dataset.kind !== kind) setText("announcer", text);
  setAttribute($("state"), "data-kind", kind);
  setText("state-text", text);
}

/** Shows the result of an action for some seconds, and announces it. */
function showResult(/** @type {string} */ text) {
  setText("result", text);
  clearTimeout(result_timer);
  result_timer = window.setTimeout(() => setText("result", ""), RESULT_MS);
}

function showRooms() {
  room_list.show(rooms.rooms.map((one) => ({ ...one, rate: rates.of(one.room) })), chosen_room);
  setText("rooms-number", short(rooms.total));
  setText("rooms-word", rooms.total === 1 ? "room" : "rooms");
  $("no-rooms").hidden = rooms.rooms.length > 0;
  setText("no-rooms", rooms.total > 0 ? "No room has such a name." : "No player is connected.");
  showPager("rooms", room_pages);
}

function showPager(/** @type {"rooms" | "players"} */ which, /** @type {Pages} */ pages) {
  const buttons = { previous: pages.number > 1, next: pages.has_next };
  $(`${which}-pager`).hidden = !buttons.previous && !buttons.next;
  for (const [name, is_possible] of Object.entries(buttons)) setAttribute($(`${which}-${name}`), "aria-disabled", String(!is_possible));
  setText(`${which}-page`, `page ${pages.number}`);
}

function showPlayers() {
  const here = room?.players ?? [];
  const sought = $input("find-player").value.trim().toLowerCase();
  const found = here.filter(({ id, name, status }) => `${name}\n${id}\n${status}`.toLowerCase().includes(sought));
  if (chosen_player && !here.some(({ id }) => id === chosen_player)) choosePlayer("");
  player_list.show(found.map((player) => ({ ...player, tint: tints.of(player.id, player.data), is_dark: theme.is_dark })), chosen_player);
  setText("players-number", short(room?.total ?? 0));
  setText("players-word", room ? `of ${room.size.toLocaleString("en")} players` : "players");
  $("no-players").hidden = found.length > 0 || !chosen_room;
  setText("no-players", here.length > 0 ? "No player matches." : "No player is in this room.");
  setText("room-title", chosen_room || "No room is chosen");
  $("no-room").hidden = chosen_room !== "";
  $("room-tools").hidden = chosen_room === "";
  showPager("players", player_pages);
  showDetails();
}

function showDetails() {
  const player = room?.players.find(({ id }) => id === chosen_player);
  const had_focus = $("details").contains(document.activeElement);
  $("details").hidden = !player;
  if (!player) {
    if (had_focus) player_list.focus();
    return;
  }
  setText("details-title", player.name);
  const shown = facts(player);
  const list = $("facts");
  if (list.childElementCount !== shown.length) {
    list.replaceChildren(
      ...shown.map(([name]) => {
        const [row, term, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = name;
        row.append(term, value);
        return row;
      }),
    );
  }
  shown.forEach(([, value], index) => {
    const cell = list.children[index].lastElementChild;
    if (cell && cell.textContent !== value) cell.textContent = value;
  });
}

// ── choosing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

function chooseRoom(/** @type {string} */ name) {
  if (name === chosen_room) return;
  question += 1;
  chosen_room = name;
  room = null;
  tints = new Tints();
  player_pages.first();
  $input("find-player").value = "";
  choosePlayer("");
  map.begin();
  showRooms();
  showPlayers();
  void read();
}

/** "": none. */
function choosePlayer(/** @type {string} */ id) {
  chosen_player = id;
  map.mark(id);
}

function turnPage(/** @type {"rooms" | "players"} */ which, /** @type {"forward" | "back"} */ way) {
  const pages = which === "rooms" ? room_pages : player_pages;
  const before = pages.number;
  pages[way]();
  if (pages.number === before) return;
  question += 1;
  $(which).scrollTop = 0;
  void read();
}

// ── acting ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Asks a question, if there is a lobby to act on. */
function ask(/** @type {(api: Api) => import("./ask.js").Question} */ make) {
  if (api) asking.ask(make(api));
}

function askAboutPlayer(/** @type {typeof questions.kick} */ make) {
  const player = room?.players.find(({ id }) => id === chosen_player);
  if (player) ask((lobby) => make(lobby, chosen_room, player));
}

const glyph = document.createElementNS("http://www.w3.org/2000/svg", "svg");
glyph.setAttribute("class", "glyph");
glyph.setAttribute("viewBox", "0 0 20 20");
glyph.setAttribute("aria-hidden", "true");
glyph.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
glyph.firstElementChild?.setAttribute("d", SHIP);

const charts = new Charts();
const theme = new Theme(() => {
  if (!api) return;
  map.redraw();
  showPlayers();
});
const map = new RoomMap(() => theme.is_dark);
/** @type {KeyList<import("./rows.js").RoomRow>} */
const room_list = new KeyList($("rooms"), { id: (one) => one.room, make: roomRow, choose: chooseRoom });
/** @type {KeyList<import("./rows.js").PlayerRow>} */
const player_list = new KeyList($("players"), {
  id: (player) => player.id,
  make: () => playerRow(glyph),
  choose: (id) => {
    choosePlayer(id === chosen_player ? "" : id);
    showPlayers();
  },
});
const asking = new Asking((result) => {
  showResult(result);
  void bans.refresh();
  void read();
});
const bans = new BanDialog({
  bans: async () => (api ? (await api.bans()).bans : []),
  remove: async (player) => {
    await api?.unban(player);
    showResult(`The ban of ${player} is removed.`);
  },
  add: () => ask(questions.banId),
  removeAll: () => ask(questions.unbanAll),
});

onSubmit("key-form", () => void open($input("key").value.trim()));
onClick("forget", () => askForKey(""));
onClick("send-all", () => ask((lobby) => questions.message(lobby, "")));
onClick("send-room", () => ask((lobby) => questions.message(lobby, chosen_room)));
onClick("close-room", () => ask((lobby) => questions.closeRoom(lobby, chosen_room, room?.total ?? 0)));
onClick("drain", () => ask((lobby) => questions.drain(lobby, now?.players ?? 0)));
onClick("kick", () => askAboutPlayer(questions.kick));
onClick("ban", () => askAboutPlayer(questions.ban));
onClick("bans-open", () => void bans.open());
onClick("rooms-next", () => turnPage("rooms", "forward"));
onClick("rooms-previous", () => turnPage("rooms", "back"));
onClick("players-next", () => turnPage("players", "forward"));
onClick("players-previous", () => turnPage("players", "back"));
$("find-player").addEventListener("input", showPlayers);
$("find-room").addEventListener("input", () => {
  room_pages.first();
  question += 1;
  void read();
});
for (const [id, list] of /** @type {const} */ ([["find-room", room_list], ["find-player", player_list]])) {
  $(id).addEventListener("keydown", (event) => {
    if (!["ArrowDown", "Enter"].includes(event.key)) return;
    event.preventDefault();
    list.focus();
  });
}
document.addEventListener("visibilitychange", () => void read());
setInterval(() => {
  if (!document.hidden) void read();
}, READ_MS);

const lobby = {
  snapshot: () => ({ rooms: rooms.rooms.map((one) => one.room), total: rooms.total, room: chosen_room, player: chosen_player, points: points.length, drawing: map.figures }),
};
Object.defineProperty(window, "lobby", { value: Object.freeze(lobby) });

$("key-plain").hidden = window.isSecureContext;
const known = load("lobby-admin-key");
if (known) await open(known);
else $("key").focus();
