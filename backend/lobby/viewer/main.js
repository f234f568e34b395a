// The page: connects its parts to each other.
//
// A visitor is a player. The protocol has no spectators, and a page that first asks for a name shows nothing. So the page
// connects at once, under the name "Visitor", and the other players see it. The name can be changed: the page disconnects and
// connects again, because a name is sent with the connection. ?url= &room= &pid= &name= &token= in the page's address choose
// the lobby and the player.
//
// `window.lobby.snapshot()` is for tests: the state of the connection, the own player, all others, the camera, the drawing.

import { Announcements } from "./announcements.js";
import { fromPage } from "./address.js";
import { Client, everyTick } from "./client.js";
import { playerColour, tint } from "./colour.js";
import { connectControls, showView } from "./controls.js";
import { Painter } from "./drawing.js";
import { $, onClick, setAttribute } from "./elements.js";
import { connectForms, showAddress, showStatus } from "./forms.js";
import { Input } from "./input.js";
import { Theme, connectTabs, measureScreen, onResize } from "./layout.js";
import { encodePosition, encodeStatus } from "./messages.js";
import { OwnShip } from "./own_ship.js";
import { RosterList, announce, showConnection, showSeconds, showTraffic } from "./panel.js";
import { Room } from "./room.js";
import { fieldLabel, rows, ships, snapshot } from "./scene.js";
import { load, ownPid } from "./storage.js";
import { Traffic } from "./traffic.js";
import { View } from "./view.js";

const PANEL_MS = 250;
/** A frame that comes later than this means that the page was busy. */
const STALL_MS = 150;

const [own, view, input, traffic, announcements] = [new OwnShip(), new View(), new Input(), new Traffic(), new Announcements()];
const painter = new Painter($("field", HTMLCanvasElement));
const less_motion = matchMedia("(prefers-reduced-motion: reduce)");
let room = new Room();
let pointed = ""; // the player whose row in the list has the pointer
let is_stale = true; // something changed that must be drawn
let frame_ms = performance.now();
let busy_until_ms = frame_ms + 1_000;

const client = new Client({
  status: (status) => {
    if (status.kind !== "connected") own.disconnected();
    showConnection(status, room.roster.players.size + 1, performance.now());
    is_stale = true;
  },
  message: (message, now_ms, is_busy) => {
    const is_new_room = room.roster.me === "";
    const change = room.apply(message, now_ms, is_busy || now_ms < busy_until_ms || now_ms - frame_ms > STALL_MS);
    if (!is_new_room) {
      announcements.joined(change.joined);
      announcements.left(change.left);
    }
    if (change.has_unknown) client.requestWelcome();
    if (message.type === "error") own.refused(message, now_ms);
    if (message.type === "welcome") {
      own.welcomed(message.your_id, message.position);
      if (own.status) client.send(encodeStatus(own.status));
    }
    sendPosition(now_ms);
    is_stale = true;
  },
  traffic: (direction, bytes, now_ms) => traffic.count(direction, bytes, now_ms),
});

function sendPosition(/** @type {number} */ now_ms) {
  if (!client.is_connected) return;
  const position = own.due(now_ms, client.send_ms);
  if (position && client.send(encodePosition(position))) own.sent(now_ms);
}

/** Connects to another lobby or room, or under another name. */
function connectTo(/** @type {import("./address.js").Address} */ address) {
  const before = client.address;
  if (before && (before.url !== address.url || before.room !== address.room)) {
    for (const id of room.roster.players.keys()) painter.forget(id);
    room = new Room();
    own.leaveRoom();
    view.reset();
  }
  showAddress(address);
  client.connect(address);
}

function setStatus(/** @type {string} */ status) {
  own.setStatus(status);
  client.send(encodeStatus(own.status));
  showStatus(own.status);
  showPanels();
}

const known = () => ({ room, own, name: client.address?.name ?? "" });

function frame(/** @type {number} */ stamp_ms) {
  requestAnimationFrame(frame);
  const now_ms = performance.now();
  const seconds = Math.min(0.5, Math.max(0, (stamp_ms - frame_ms) / 1000));
  if (now_ms - frame_ms > STALL_MS) busy_until_ms = now_ms + 2 * STALL_MS;
  frame_ms = stamp_ms;
  client.poll();
  own.fly(input.stick, seconds);
  sendPosition(now_ms);
  const drawn = room.advance(now_ms);
  const all = ships(known(), (id) => id === pointed || (id === view.followed && id !== room.roster.me));
  const camera_before = view.camera;
  view.advance(seconds, all, less_motion.matches);
  showView(view, room.roster.me);
  const is_moving = own.is_moving || input.drag_stick !== null || [...drawn.values()].some(({ is_still }) => !is_still);
  if (!is_moving && !is_stale && view.camera === camera_before) return; // the picture would be the same
  const { camera, screen } = view;
  const look = { is_dark: theme.is_dark, is_calm: less_motion.matches, is_pale: !client.is_connected };
  is_stale = painter.draw({ now_ms, camera, screen, ships: all, stick: input.drag_stick, ...look });
}

function showPanels() {
  const now_ms = performance.now();
  const [all, me] = [rows(known()), room.roster.me];
  list.show(all, theme.is_dark, view.followed);
  showSeconds(client.status, now_ms);
  showTraffic(traffic.rates(now_ms), traffic.history(now_ms), client.round_trip_ms, room.delays_ms);
  if (me) $("my-glyph", SVGElement).style.color = `rgb(${playerColour(tint(me), theme.is_dark)})`;
  setAttribute($("field"), "aria-label", fieldLabel(known()));
  document.title = me ? `${all.length} here · Lobby` : "Lobby";
  const text = announcements.due(now_ms, all.length);
  if (text) announce(text);
}

const redraw = () => (is_stale = true);
const measure = () => {
  view.screen = measureScreen();
  painter.resize(view.screen.width, view.screen.height, Math.min(3, window.devicePixelRatio || 1));
  redraw();
};
const theme = new Theme(() => {
  redraw();
  showPanels();
});
const list = new RosterList({
  follow: (id) => {
    view.toggleFollow(id);
    redraw();
  },
  point: (id) => {
    pointed = id;
    redraw();
  },
});

connectControls({ input, view, me: () => room.roster.me, changed: redraw });
connectForms({ address: () => client.address, connect: connectTo, disconnect: () => client.close(), setStatus });
connectTabs(measure);
onResize(measure);
onClick("try-now", () => client.tryNow());
onClick("notice-again", () => client.tryNow());
less_motion.addEventListener("change", redraw);
document.addEventListener("visibilitychange", () => {
  redraw();
  if (document.visibilityState === "visible") return client.nudge();
  input.release();
  own.stop();
  sendPosition(performance.now());
});
addEventListener("online", () => client.nudge());
addEventListener("pagehide", () => client.close());
addEventListener("pageshow", (event) => {
  if (event.persisted && client.address) client.connect(client.address);
});

const lobby = {
  snapshot: () => {
    const camera = { ...view.camera, mode: view.mode, followed: view.followed };
    return { ...snapshot(known()), state: client.status, camera, drawing: painter.figures, traffic: traffic.rates(performance.now()) };
  },
};
Object.defineProperty(window, "lobby", { value: Object.freeze(lobby) });

measure();
setInterval(showPanels, PANEL_MS);
everyTick(() => {
  client.poll();
  sendPosition(performance.now());
});
requestAnimationFrame(frame);
const address = fromPage(location.href, await ownPid());
if (!new URL(location.href).searchParams.get("name")) address.name = load("lobby-name") || address.name;
connectTo(address);
