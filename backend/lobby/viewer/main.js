// The page: connects its parts to each other.
//
// A visitor is a player. A page that first asks for a name shows nothing, so the page connects at once, under the name "Visitor",
// and the other players see it. With ?watch=1 it is a watcher, which no player sees. ?url= &room= &pid= &name= &token= in the
// page's address choose the lobby and the player.
//
// `window.lobby.snapshot()` is for tests: the state of the connection, the own player, all others, the camera, the drawing.

import { fromPage } from "./address.js";
import { everyTick } from "../client/surroundings.js";
import { playerColour } from "./colour.js";
import { connectControls, showView } from "./controls.js";
import { Painter } from "./drawing.js";
import { $, onClick, setAttribute } from "./elements.js";
import { connectForms, showAddress, showStatus } from "./forms.js";
import { FrameClock } from "./frame_clock.js";
import { Input } from "./input.js";
import { Theme, connectTabs, measureScreen, onResize } from "./layout.js";
import { connectPageLife } from "./page_life.js";
import { RosterList, announce, showConnection, showSeconds, showTraffic } from "./panel.js";
import { fieldLabel, rows, ships, snapshot } from "./scene.js";
import { Session } from "./session.js";
import { load, ownPid } from "./storage.js";
import { View } from "./view.js";

const PANEL_MS = 250;

const view = new View();
const input = new Input();
const painter = new Painter($("field", HTMLCanvasElement));
const frames = new FrameClock(performance.now());
const less_motion = matchMedia("(prefers-reduced-motion: reduce)");
let pointed = ""; // the player whose row in the list has the pointer
let is_stale = true; // something changed that must be drawn

const redraw = () => {
  is_stale = true;
};

const session = new Session({
  status: (status) => showConnection(status, performance.now()),
  entered: () => announce(`Connected. ${session.count} here.`),
  changed: redraw,
  newRoom: () => {
    for (const id of session.room.roster.players.keys()) painter.forget(id);
    view.reset();
  },
  isBusy: (now_ms) => frames.isBusy(now_ms),
});
const { client } = session;

function connectTo(/** @type {import("./address.js").Address} */ address) {
  showAddress(address);
  session.connect(address);
}

function setStatus(/** @type {string} */ status) {
  session.setStatus(status);
  showStatus(session.own.status);
  showPanels();
  redraw();
}

function frame(/** @type {number} */ stamp_ms) {
  requestAnimationFrame(frame);
  const { room, own, me } = session;
  const now_ms = performance.now();
  const seconds = frames.next(stamp_ms, now_ms);
  own.fly(input.stick, seconds);
  session.poll(now_ms);
  const drawn = room.advance(now_ms);
  const all = ships(session, (id) => id === pointed || (id === view.followed && id !== me));
  const camera_before = view.camera;
  view.advance(seconds, all, less_motion.matches);
  showView(view, me);
  const is_moving = own.is_moving || input.drag_stick !== null || [...drawn.values()].some(({ is_still }) => !is_still);
  if (!is_moving && !is_stale && view.camera === camera_before) return; // the picture would be the same
  const { camera, screen } = view;
  const look = { is_dark: theme.is_dark, is_calm: less_motion.matches, is_pale: !client.is_connected };
  is_stale = painter.draw({ now_ms, camera, screen, ships: all, stick: input.drag_stick, ...look });
}

function showPanels() {
  const now_ms = performance.now();
  const { me, count, traffic, room } = session;
  list.show(rows(session), theme.is_dark, view.followed);
  showSeconds(client.status, now_ms, client.silent_ms);
  showTraffic(traffic.rates(now_ms), traffic.history(now_ms), client.round_trip_ms, room.delays_ms);
  if (me) $("my-glyph", SVGElement).style.color = `rgb(${playerColour(room.tintOf(me), theme.is_dark)})`;
  setAttribute($("field"), "aria-label", fieldLabel(session));
  document.title = me ? `${count} here · Lobby` : "Lobby";
  const text = session.announcements.due(now_ms, count);
  if (text) announce(text);
}

function measure() {
  view.screen = measureScreen();
  painter.resize(view.screen.width, view.screen.height, Math.min(3, window.devicePixelRatio || 1));
  redraw();
}

const theme = new Theme(() => {
  showPanels();
  redraw();
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
connectControls({ input, view, me: () => session.me, changed: redraw });
connectForms({ address: () => client.address, connect: connectTo, disconnect: () => client.close(), setName: (name) => session.setName(name), setStatus });
connectTabs(measure);
onResize(measure);
onClick("try-now", () => client.tryNow());
onClick("notice-again", () => client.tryNow());
less_motion.addEventListener("change", redraw);
connectPageLife({
  hidden: () => {
    input.release();
    session.rest(performance.now());
  },
  wake: () => {
    client.nudge();
    redraw();
  },
  offline: () => client.lose("the network is gone"),
  leave: () => client.close(),
  comeBack: () => client.tryNow(),
});

const lobby = {
  snapshot: () => {
    const camera = { ...view.camera, mode: view.mode, followed: view.followed };
    const traffic = session.traffic.rates(performance.now());
    return { ...snapshot(session), state: client.status, camera, drawing: painter.figures, traffic };
  },
};
Object.defineProperty(window, "lobby", { value: Object.freeze(lobby) });

measure();
setInterval(showPanels, PANEL_MS);
everyTick(() => session.poll(performance.now()));
requestAnimationFrame(frame);
const address = fromPage(location.href, await ownPid());
if (!new URL(location.href).searchParams.get("name")) address.name = load("lobby-name") || address.name;
connectTo(address);
