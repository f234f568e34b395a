// The viewer: wires the pure parts (roster, interpolation, steering, camera) to the socket, the canvas and the page.
//
// A visitor is a player. The protocol has no spectators, and a page that shows nothing before a form is filled in shows
// nothing. So the page connects at once, under the name "Visitor", and everybody moves before the first click; the
// others see the visitor too, which is the honest thing. The name can be changed (the visitor goes and comes back, that is
// how a name is told), and one flies with the keyboard or a finger. The pid lives in sessionStorage: a reload is the
// same player, another tab is another one. ?url= &room= &pid= &name= &token= in the page's address say otherwise.
//
// `window.lobby` is for tests and the curious, read only:
//   lobby.snapshot()  { state, me, players: [{ id, name, status, x, y, drawn_x, drawn_y }], camera, drawing, traffic }

import { Announcements } from "./announcements.js";
import { STATUS_LIMIT, fromPage, oneLine } from "./address.js";
import { calm, fit, glide, pan, toScreen, withRoom, zoomAt } from "./camera.js";
import { hash, playerColour, tint } from "./colour.js";
import { Connection } from "./connection.js";
import { Painter } from "./drawing.js";
import { Track } from "./interpolation.js";
import { RosterList, setText, showTraffic, stateInWords } from "./panel.js";
import { EMPTY, received } from "./roster.js";
import { KEYS, fly, flies, moored, stickFromDrag, stickFromKeys, worthSaying } from "./steering.js";
import { Traffic } from "./traffic.js";

/** @typedef {import("./address.js").Address} Address */

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const PANEL_MS = 250;
const SPAWN_RADIUS = 6;
const STALL_MS = 150;
const LOOK_AHEAD_S = 0.4;

/** Storage is a convenience: pages in private windows and sandboxes live without it. */
function stored(/** @type {"sessionStorage" | "localStorage"} */ where, /** @type {string} */ key, /** @type {string | undefined} */ value = undefined) {
  try {
    if (value !== undefined) window[where].setItem(key, value);
    return window[where].getItem(key) ?? "";
  } catch {
    return "";
  }
}

function freshPid() {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte % 36).toString(36));
  return stored("sessionStorage", "lobby-pid", `visitor_${letters.join("")}`) || `visitor_${letters.join("")}`;
}

// ---- what there is ----------------------------------------------------------------------------------------------

let roster = EMPTY;
/** @type {Map<string, Track>} */
const tracks = new Map();
const traffic = new Traffic();
const announcements = new Announcements();
const painter = new Painter($("field"));

let ship = moored();
let placed = false;
let seq = 0;
/** @type {import("./steering.js").Said | null} */
let said = null;
let my_status = "";
/** @type {number[]} */
let round_trips_ms = [];

/** @type {import("./camera.js").Camera} */
let camera = { x: 0, y: 0, scale: 12 };
let aim = camera;
/** @type {"fit" | "follow" | "free"} */
let looking = "fit";
let watched = "";
let pointed = "";
let framed = false;
/** @type {import("./camera.js").View} */
let view = { width: 1, height: 1, top: 0, right: 0, bottom: 0, left: 0 };

/** @type {Set<string>} */
const keys_down = new Set();
/** @type {Map<number, { x: number, y: number }>} fingers on the field */
const fingers = new Map();
/** @type {{ finger: number, x: number, y: number, dx: number, dy: number } | null} */
let stick = null;

let before_ms = performance.now();
let busy_until_ms = before_ms + 1_000;
let frames = 0;
let restless = true;
/** @type {number[]} */
const costs_ms = [];
/** @type {Map<string, import("./interpolation.js").Drawn>} */
let drawn = new Map();

const less_motion = matchMedia("(prefers-reduced-motion: reduce)");
const prefers_dark = matchMedia("(prefers-color-scheme: dark)");
let theme = stored("localStorage", "lobby-theme");
const isDark = () => (theme ? theme === "dark" : prefers_dark.matches);

// ---- the lobby --------------------------------------------------------------------------------------------------

const connection = new Connection({
  state: stateChanged,
  message: messageArrived,
  traffic: (direction, bytes, now_ms) => traffic.count(direction, bytes, now_ms),
  latency: (round_trip_ms) => {
    // The best of the last few: what the network takes, not what a busy page adds.
    round_trips_ms = [...round_trips_ms.slice(-2), round_trip_ms];
  },
});

function messageArrived(/** @type {any} */ message, /** @type {number} */ now_ms) {
  const before = roster;
  const change = received(roster, message, now_ms);
  roster = change.roster;
  for (const player of change.left) tracks.delete(player.id);
  for (const player of change.placed) trackOf(player.id).place(player);
  for (const move of change.moved) trackOf(move.id).add(move, now_ms, isBusy(now_ms));
  if (before.me) {
    announcements.came(change.joined);
    announcements.left(change.left);
  }
  if (change.strangers) connection.askForWelcome();
  if (message.type === "welcome" && roster.me) welcomed(message);
  // Refused where we went (too fast, out of the world): we stand where the lobby says.
  if (message.type === "error" && Number.isFinite(message.x) && Number.isFinite(message.y)) {
    ship = { ...moored(message.x, message.y, ship.h) };
    said = { ...ship, at_ms: now_ms };
  }
  restless = true;
}

/** The page stood still (it loads, it sleeps, it is hidden), and what is heard now came in long ago. */
const isBusy = (/** @type {number} */ now_ms) => now_ms < busy_until_ms || now_ms - before_ms > STALL_MS;

function trackOf(/** @type {string} */ id) {
  let track = tracks.get(id);
  if (!track) tracks.set(id, (track = new Track()));
  return track;
}

/** @param {any} message */
function welcomed(message) {
  tracks.delete(roster.me);
  seq = Math.max(seq, Number.isSafeInteger(message.seq) ? message.seq : 0);
  const stands = Number.isFinite(message.x) && Number.isFinite(message.y) && message.seq > 0;
  if (!placed && stands) {
    ship = moored(message.x, message.y);
  } else if (!placed) {
    // Everybody appears somewhere; not all in the same point. The same player at the same place, to be found again.
    const random = hash(roster.me);
    const angle = ((random % 1000) / 1000) * 2 * Math.PI;
    const radius = SPAWN_RADIUS * Math.sqrt(((random >>> 10) % 1000) / 1000);
    ship = moored(Math.round(Math.cos(angle) * radius * 100) / 100, Math.round(Math.sin(angle) * radius * 100) / 100);
  }
  // After a blip we stand where we are; whoever welcomed us may never have heard of it.
  const known = placed && stands && message.x === ship.x && message.y === ship.y;
  placed = true;
  if (!known) sayWhere(performance.now());
  if (my_status) connection.send({ action: "status", status: my_status });
}

const hundredths = (/** @type {number} */ value) => Math.round(value * 100) / 100;

function sayWhere(/** @type {number} */ now_ms) {
  const { x, y, vx, vy, h } = ship;
  const turned = Math.atan2(Math.sin(h), Math.cos(h));
  const message = { action: "pos", x: hundredths(x), y: hundredths(y), vx: hundredths(vx), vy: hundredths(vy), h: hundredths(turned), seq: seq + 1, t: Math.round(now_ms) };
  if (!connection.send(message)) return;
  seq += 1;
  said = { ...ship, at_ms: now_ms };
}

function setStatus(/** @type {string} */ status) {
  my_status = oneLine(status, STATUS_LIMIT);
  connection.send({ action: "status", status: my_status });
  for (const radio of document.querySelectorAll("[name=status]")) {
    const input = /** @type {HTMLInputElement} */ (radio);
    input.checked = input.value === my_status;
  }
  $("status-text").value = [...document.querySelectorAll("[name=status]")].some((radio) => /** @type {any} */ (radio).checked) ? "" : my_status;
  restless = true;
  showPanels();
}

/** @param {import("./connection.js").State} state */
function stateChanged(state) {
  $("state").dataset.kind = state.kind;
  $("state").title = state.why;
  $("try-now").hidden = state.kind !== "waiting";
  const ended = state.kind === "refused" || state.kind === "closed";
  $("notice").hidden = !ended;
  if (ended) {
    setText("notice-title", state.kind === "refused" ? "This lobby said no" : "You are disconnected");
    setText("notice-why", state.kind === "refused" ? sentence(state.why) : "The others no longer see you.");
  }
  if (state.kind !== "connected") {
    said = null;
    round_trips_ms = [];
  }
  // The seconds tick on the page only; a screen reader hears of changes.
  const words = stateInWords(state, performance.now());
  if (state.kind === "waiting") announce(`${sentence(state.why)} Reconnecting.`);
  else if (state.kind === "refused") announce(`The lobby refused: ${sentence(state.why)}`);
  else if (state.kind === "connected") announce(`Connected. ${roster.players.size + 1} here.`);
  else if (state.kind === "closed") announce(words);
  showState();
  restless = true;
}

function sentence(/** @type {string} */ text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) || capital === "" ? capital : `${capital}.`;
}

const announce = (/** @type {string} */ text) => setText("announcer", text);

function showState() {
  const state = connection.state;
  const why = state.kind === "waiting" && state.tries > 2 && state.why === "No lobby answers there." ? " · no lobby answers there" : "";
  setText("state-text", stateInWords(state, performance.now()) + why);
}

/** Another lobby, another room or another name. */
function connectTo(/** @type {Address} */ address) {
  const elsewhere = connection.address && (connection.address.url !== address.url || connection.address.room !== address.room);
  if (elsewhere) {
    for (const id of tracks.keys()) painter.forget(id);
    tracks.clear();
    roster = EMPTY;
    placed = framed = false;
    seq = 0;
    watched = "";
    look("fit");
  }
  setText("room", address.room && address.room !== "lobby" ? `· ${address.room}` : "");
  $("name").value = address.name;
  connection.connect(address);
}

// ---- looking ----------------------------------------------------------------------------------------------------

function look(/** @type {typeof looking} */ how, id = "") {
  looking = how;
  watched = how === "follow" ? id : "";
  $("fit").setAttribute("aria-pressed", String(how === "fit"));
  $("follow").setAttribute("aria-pressed", String(how === "follow" && id === roster.me));
  restless = true;
}

function followMe() {
  if (looking === "follow" && watched === roster.me) look("fit");
  else look("follow", roster.me);
}

function zoomBy(/** @type {number} */ factor, pixel = toScreen(camera, view, camera)) {
  camera = zoomAt(camera, view, pixel, factor);
  if (looking === "follow") aim = { ...aim, scale: camera.scale };
  else {
    aim = camera;
    look("free");
  }
  restless = true;
}

/** What panels cover is not part of the picture: the camera's middle is the middle of what can be seen. */
function measure() {
  const [width, height] = [document.documentElement.clientWidth, document.documentElement.clientHeight];
  const narrow = matchMedia("(max-width: 860px)").matches;
  const side = (/** @type {string} */ selector) => document.querySelector(selector)?.getBoundingClientRect();
  view = { width, height, top: 56, right: 0, bottom: 0, left: 0 };
  if (narrow) {
    const open = side(".panel.open");
    view.bottom = height - (open ? open.top : (side(".tabs")?.top ?? height)) + 4;
  } else {
    view.left = side(".left")?.right ?? 0;
    view.right = width - (side("#roster-panel")?.left ?? width);
  }
  painter.resize(width, height, Math.min(3, window.devicePixelRatio || 1));
  restless = true;
}

function steerCamera(/** @type {number} */ seconds, /** @type {import("./steering.js").Ship[]} */ ships) {
  const gliding = less_motion.matches || !framed ? 0 : 0.32;
  if (looking === "follow") {
    const at = watched === roster.me ? ship : drawn.get(watched);
    if (at) {
      aim = { x: at.x, y: at.y, scale: aim.scale };
      camera = glide(camera, aim, seconds, less_motion.matches ? 0 : 0.18);
      return;
    }
    if (!roster.players.has(watched) && watched !== roster.me) look("fit");
  }
  if (looking === "fit" && roster.me) {
    // Where they will be in a moment counts too: so the camera is there before they leave the picture.
    const points = ships.flatMap(({ x, y, vx, vy }) => [{ x, y }, { x: x + vx * LOOK_AHEAD_S, y: y + vy * LOOK_AHEAD_S }]);
    const best = fit(points, view);
    if (best) aim = framed ? calm(aim, best, view) : withRoom(best);
    framed ||= best !== null;
  }
  if (looking !== "free") camera = glide(camera, aim, seconds, gliding);
}

// ---- every frame ------------------------------------------------------------------------------------------------

function frame(/** @type {number} */ stamp_ms) {
  requestAnimationFrame(frame);
  const now_ms = performance.now();
  const seconds = Math.min(0.5, Math.max(0, (stamp_ms - before_ms) / 1000));
  if (now_ms - before_ms > STALL_MS) busy_until_ms = now_ms + 2 * STALL_MS;
  before_ms = stamp_ms;

  const push = stick ? stickFromDrag(stick.dx, stick.dy) : stickFromKeys(keys_down);
  ship = fly(ship, placed ? push : { x: 0, y: 0 }, seconds);
  if (connection.connected && worthSaying(ship, said, now_ms, connection.config.send_ms)) sayWhere(now_ms);

  const dark = isDark();
  let moving = flies(ship) || stick !== null;
  drawn = new Map();
  /** @type {import("./drawing.js").Drawable[]} */
  const ships = [];
  for (const player of roster.players.values()) {
    const at = tracks.get(player.id)?.at(now_ms);
    if (!at) continue;
    drawn.set(player.id, at);
    moving ||= !at.still;
    const marked = player.id === watched || player.id === pointed;
    ships.push({ id: player.id, name: player.name, status: player.status, tint: tint(player.id), x: at.x, y: at.y, vx: at.vx, vy: at.vy, h: at.h, me: false, marked });
  }
  if (placed && roster.me) {
    const marked = roster.me === pointed;
    ships.push({ id: roster.me, name: connection.address?.name || roster.me, status: my_status, tint: tint(roster.me), ...ship, me: true, marked });
  }
  const camera_before = camera;
  steerCamera(seconds, ships);
  // Nothing moves, nothing changed: leave the picture and the battery alone.
  if (!moving && !restless && camera === camera_before) return;
  restless = painter.draw({ now_ms, camera, view, ships, dark, calm: less_motion.matches, pale: !connection.connected, stick });
  frames += 1;
  costs_ms.push(painter.last.cost_ms);
  if (costs_ms.length > 240) costs_ms.shift();
}

function showPanels() {
  const now_ms = performance.now();
  showState();
  const rows = [...roster.players.values()].map((player) => {
    const at = drawn.get(player.id) ?? player;
    const distance = Math.hypot(at.x - ship.x, at.y - ship.y);
    return { id: player.id, name: player.name, status: player.status, tint: tint(player.id), distance, me: false };
  });
  if (roster.me) {
    rows.push({ id: roster.me, name: connection.address?.name || roster.me, status: my_status, tint: tint(roster.me), distance: NaN, me: true });
    $("my-glyph").style.color = `rgb(${playerColour(tint(roster.me), isDark())})`;
  }
  list.show(rows, isDark(), watched);
  const late = [...drawn.values()].map((at) => at.late_ms).filter((value) => !Number.isNaN(value));
  showTraffic(traffic.rates(now_ms), traffic.history(now_ms), round_trips_ms.length ? Math.min(...round_trips_ms) : NaN, late);
  const here = rows.length;
  const text = announcements.due(now_ms, here);
  if (text) announce(text);
  const label = `The lobby from above: ${here} ${here === 1 ? "player" : "players"}, ${late.length} moving. You are at ${Math.round(ship.x)}, ${Math.round(ship.y)}.`;
  if ($("field").getAttribute("aria-label") !== label) $("field").setAttribute("aria-label", label);
  document.title = roster.me ? `${here} here · Lobby` : "Lobby";
}

// ---- hands ------------------------------------------------------------------------------------------------------

const list = new RosterList({
  follow: (id) => (watched === id ? look("fit") : look("follow", id)),
  point: (id) => {
    pointed = id;
    restless = true;
  },
});

/** Letters steer only where they are not typed, and arrows only where they do not choose or scroll. */
function steers(/** @type {EventTarget | null} */ target) {
  if (!(target instanceof Element) || target.closest("dialog")) return false;
  return !target.closest("input, textarea, select, #roster-panel");
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!steers(event.target)) return;
  if (KEYS.has(event.code)) {
    keys_down.add(event.code);
    event.preventDefault();
  } else if (event.key === "+" || event.key === "=") zoomBy(1.3);
  else if (event.key === "-") zoomBy(1 / 1.3);
  else if (event.key === "f") look("fit");
  else if (event.key === "m") followMe();
  else if (event.key === "/" && !$("filter-box").hidden) {
    event.preventDefault();
    $("filter").focus();
  }
});
addEventListener("keyup", (event) => keys_down.delete(event.code));

/** Let go of everything, and say where we rest: nobody steers a page that is not looked at. */
function letGo() {
  keys_down.clear();
  fingers.clear();
  stick = null;
}
addEventListener("blur", letGo);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    letGo();
    if (flies(ship)) {
      ship = moored(ship.x, ship.y, ship.h);
      if (connection.connected) sayWhere(performance.now());
    }
  } else {
    connection.nudge();
    restless = true;
  }
});
addEventListener("online", () => connection.nudge());
addEventListener("pagehide", () => connection.close());
addEventListener("pageshow", (event) => {
  if (event.persisted && connection.address) connection.connect(connection.address);
});

const field = /** @type {HTMLCanvasElement} */ ($("field"));
field.addEventListener("pointerdown", (event) => {
  field.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (event.pointerType === "mouse") field.classList.add("dragging");
  else if (fingers.size === 1) stick = { finger: event.pointerId, x: event.clientX, y: event.clientY, dx: 0, dy: 0 };
  else stick = null; // a second finger: they look around now
});
field.addEventListener("pointermove", (event) => {
  const held = fingers.get(event.pointerId);
  if (!held) return;
  const now = { x: event.clientX, y: event.clientY };
  if (stick && stick.finger === event.pointerId) {
    stick = { ...stick, dx: now.x - stick.x, dy: now.y - stick.y };
  } else if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1] ?? now;
    const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(held.x - other.x, held.y - other.y));
    camera = pan(camera, (now.x - held.x) / 2, (now.y - held.y) / 2);
    zoomBy(Math.min(3, Math.max(1 / 3, factor)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  } else if (event.pointerType === "mouse" && (now.x !== held.x || now.y !== held.y)) {
    camera = aim = pan(camera, now.x - held.x, now.y - held.y);
    look("free");
  }
  fingers.set(event.pointerId, now);
  restless = true;
});
for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) {
  field.addEventListener(kind, (event) => {
    fingers.delete(event.pointerId);
    if (stick?.finger === event.pointerId) stick = null;
    if (fingers.size === 0) field.classList.remove("dragging");
    restless = true;
  });
}
field.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoomBy(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * 0.0018), { x: event.clientX, y: event.clientY });
  },
  { passive: false },
);

$("follow").addEventListener("click", followMe);
$("fit").addEventListener("click", () => look("fit"));
$("zoom-in").addEventListener("click", () => zoomBy(1.4));
$("zoom-out").addEventListener("click", () => zoomBy(1 / 1.4));
$("try-now").addEventListener("click", () => connection.tryNow());
$("notice-again").addEventListener("click", () => connection.tryNow());
$("notice-address").addEventListener("click", openAddress);
$("address-open").addEventListener("click", openAddress);
$("address-cancel").addEventListener("click", () => $("address").close());
$("disconnect").addEventListener("click", () => {
  $("address").close();
  connection.close();
});

function openAddress() {
  const address = connection.address;
  $("address-url").value = address?.url ?? "";
  $("address-room").value = address?.room ?? "";
  $("address-token").value = address?.token ?? "";
  $("address").showModal();
  $("address-url").select();
}

$("address-form").addEventListener("submit", () => {
  const before = /** @type {Address} */ (connection.address);
  const token = $("address-token").value.trim();
  const address = { ...before, url: $("address-url").value.trim(), room: $("address-room").value.trim(), token };
  if (token !== before.token) address.pid = token ? "" : stored("sessionStorage", "lobby-pid") || freshPid();
  // So that a reload, or a link sent to a friend, comes back here. Not the token: links are shared, tokens are not.
  const here = new URL(location.href);
  for (const key of /** @type {const} */ (["url", "room"])) {
    if (address[key]) here.searchParams.set(key, address[key]);
    else here.searchParams.delete(key);
  }
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
  connectTo(address);
});

$("name").addEventListener("input", () => {
  $("rename").hidden = oneLine($("name").value) === (connection.address?.name ?? "");
});
$("name-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const name = oneLine($("name").value);
  $("rename").hidden = true;
  $("name").blur();
  if (!connection.address || !name || name === connection.address.name) {
    $("name").value = connection.address?.name ?? "";
    return;
  }
  stored("sessionStorage", "lobby-name", name);
  connectTo({ ...connection.address, name });
});
$("status-form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  setStatus($("status-text").value);
  $("status-text").blur();
});
for (const radio of document.querySelectorAll("[name=status]")) {
  radio.addEventListener("change", () => setStatus(/** @type {HTMLInputElement} */ (radio).value));
}

const tabs = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll(".tabs button")]);
function openTab(/** @type {HTMLButtonElement | null} */ opened) {
  for (const tab of tabs) {
    tab.setAttribute("aria-expanded", String(tab === opened));
    $(/** @type {string} */ (tab.getAttribute("aria-controls"))).classList.toggle("open", tab === opened);
  }
  document.body.classList.toggle("panel-open", opened !== null);
  measure();
}
for (const tab of tabs) {
  tab.addEventListener("click", () => openTab(tab.getAttribute("aria-expanded") === "true" ? null : tab));
}
addEventListener("keydown", (event) => {
  const open = tabs.find((tab) => tab.getAttribute("aria-expanded") === "true");
  if (event.key === "Escape" && open && !$("address").open) {
    openTab(null);
    open.focus();
  }
});

function showTheme() {
  if (theme) document.documentElement.dataset.theme = theme;
  restless = true;
}
$("theme").addEventListener("click", () => {
  theme = isDark() ? "light" : "dark";
  stored("localStorage", "lobby-theme", theme);
  showTheme();
  showPanels();
});
prefers_dark.addEventListener("change", () => (restless = true));
less_motion.addEventListener("change", () => (restless = true));
new ResizeObserver(measure).observe(document.documentElement);
new ResizeObserver(measure).observe(/** @type {Element} */ (document.querySelector(".left")));

// ---- for tests and the curious ----------------------------------------------------------------------------------

function snapshot() {
  const sorted = [...costs_ms].sort((a, b) => a - b);
  const players = [...roster.players.values()].map(({ id, name, status, x, y }) => {
    const at = drawn.get(id);
    return { id, name, status, x, y, drawn_x: at?.x ?? null, drawn_y: at?.y ?? null, late_ms: at && !Number.isNaN(at.late_ms) ? at.late_ms : null };
  });
  return {
    state: { ...connection.state },
    me: { id: roster.me, name: connection.address?.name ?? "", status: my_status, x: ship.x, y: ship.y, vx: ship.vx, vy: ship.vy, h: ship.h, seq },
    players,
    camera: { ...camera, looking, watched },
    drawing: { frames, ...painter.last, median_cost_ms: sorted[sorted.length >> 1] ?? 0, worst_cost_ms: sorted.at(-1) ?? 0 },
    traffic: traffic.rates(performance.now()),
  };
}
Object.defineProperty(window, "lobby", { value: Object.freeze({ snapshot }), writable: false });

// ---- begin ------------------------------------------------------------------------------------------------------

/** "Duplicate tab" copies the session, pid and all, and the copy would throw the original out. Whoever holds the lock is it. */
async function myPid() {
  const pid = stored("sessionStorage", "lobby-pid") || freshPid();
  if (!navigator.locks) return pid;
  return new Promise((/** @type {(pid: string) => void} */ resolve) => {
    navigator.locks
      .request(`lobby-${pid}`, { ifAvailable: true }, (lock) => {
        resolve(lock ? pid : freshPid());
        return lock ? new Promise(() => {}) : undefined;
      })
      .catch(() => resolve(pid));
  });
}

showTheme();
measure();
setInterval(showPanels, PANEL_MS);
requestAnimationFrame(frame);
const address = fromPage(location.href, await myPid());
if (!new URL(location.href).searchParams.get("name")) address.name = stored("sessionStorage", "lobby-name") || address.name;
connectTo(address);
