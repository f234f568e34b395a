import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Lobby } from "../../clients/javascript/client/lobby.js";
import { combine, merge } from "../../clients/javascript/client/data.js";
import { SLOW_DOWN_MS, TAKEOVER_MS } from "../../clients/javascript/client/constants.js";
import { FakeNetwork } from "./fake_network.js";

const BEA = { id: "bea", x: 1, y: 2, n: 2, name: "Bea", status: "" };
const welcome = (more = {}) => ({ type: "welcome", your_id: "ann", lobby_players: [BEA], v: 2, n: 1, t: 5, x: 0, y: 0, seq: 0, status: "", ...more });

const open = [];
after(() => open.forEach((lobby) => lobby.close()));

/** A lobby whose server is the test, and what it reported. */
function start(options = {}) {
  const network = new FakeNetwork();
  const { open: dial, now, random } = network.surroundings;
  const WebSocket = function (url) {
    return dial(url);
  };
  const lobby = new Lobby("ws://h/", { player: "ann", WebSocket, now, random, ...options });
  open.push(lobby);
  const seen = [];
  for (const kind of ["connected", "disconnected", "refused", "joined", "left", "moved", "changed", "event", "error", "me"]) {
    lobby.on(kind, (...values) => seen.push([kind, ...values.map((value) => value?.id ?? value)]));
  }
  lobby.connect();
  const sent = (action) => network.socket.sent.filter((message) => message.action === action);
  const pass = (ms) => network.pass(() => lobby.poll(), ms);
  return { lobby, network, seen, sent, pass };
}

function entered(options, more) {
  const all = start(options);
  all.network.socket.open().receives(welcome(more));
  return all;
}

test("the address has the player, and the first welcome connects and lists the others", () => {
  const { lobby, network, seen } = entered({ room: "hub", name: "Änn" });
  assert.equal(network.socket.url, "ws://h/?pid=ann&room=hub&name=%C3%84nn&v=3");
  assert.deepEqual(seen, [["connected", "ann"], ["joined", "bea", true]]);
  assert.deepEqual([lobby.is_connected, lobby.me.id, [...lobby.players.keys()]], [true, "ann", ["bea"]]);
});

test("other players move, change and leave, and stay the same objects", () => {
  const { lobby, network, seen } = entered();
  const bea = lobby.players.get("bea");
  seen.length = 0;
  network.socket.receives({ type: "moves", t: 9, m: [[2, 900, 800, 0, 0, 0, 1, 5, 300]] });
  network.socket.receives({ type: "status", id: "bea", status: "away" });
  network.socket.receives({ type: "data", id: "bea", data: { team: "red" } });
  network.socket.receives({ type: "leave", id: "bea" });
  assert.deepEqual(seen, [["moved", "bea"], ["changed", "bea"], ["changed", "bea"], ["left", "bea"]]);
  assert.deepEqual([bea.position.z, bea.status, bea.data], [3, "away", { team: "red" }]);
});

test("a position is sent when the others could not predict it, and the last one always", () => {
  const { lobby, network, sent, pass } = entered();
  const began_ms = network.now_ms;
  for (let step = 0; step < 34; step++) {
    lobby.move((network.now_ms - began_ms) / 100, 0, { vx: 10 });
    pass(60);
  }
  const moving = sent("pos").length;
  assert.ok(moving >= 5 && moving <= 8, `${moving} positions in two seconds on a straight line`);
  lobby.move(20, 0);
  pass(1_000);
  const { x, vx, seq } = sent("pos").at(-1);
  assert.deepEqual([x, vx, seq], [20, 0, sent("pos").length]);
  network.socket.receives({ type: "moves", t: 1, m: [[1, 2000, 0, 0, 0, 0, seq]] });
  pass(3_000);
  assert.equal(sent("pos").length, seq, "and then nothing");
  assert.throws(() => lobby.move(NaN, 0), /not a position/);
});

test("a game without velocities sends no more often than the lobby asks for", () => {
  const { lobby, network, sent, pass } = entered();
  network.socket.receives({ type: "config", send_ms: 200, window_ms: 60, far_ms: 500, heartbeat_ms: 20_000 });
  for (let step = 0; step < 50; step++) {
    lobby.move(step, step);
    pass(20);
  }
  assert.ok(sent("pos").length <= 6, `${sent("pos").length}`);
  pass(300);
  assert.equal(sent("pos").at(-1).x, 49);
});

test("height, events and data are sent, and events are counted for each connection", () => {
  const { lobby, network, sent } = entered({ data: { team: "red" } });
  assert.deepEqual(sent("data"), [{ action: "data", data: { team: "red" } }]);
  lobby.move(1, 2, { z: 3 });
  assert.equal(sent("pos")[0].z, 3);
  assert.equal(lobby.send("wave", { hand: "left" }, "bea"), true);
  lobby.send("gg");
  assert.deepEqual(sent("send"), [
    { action: "send", event: "wave", data: { hand: "left" }, to: "bea", seq: 1 },
    { action: "send", event: "gg", seq: 2 },
  ]);
  network.socket.ends(1006);
  assert.equal(lobby.send("lost"), false);
});

test("after a reconnect status, data and position are sent again where the lobby does not have them", () => {
  const { lobby, network, sent, seen, pass } = entered();
  lobby.setStatus("here");
  lobby.setData({ team: "red", hat: 1 });
  lobby.setData({ hat: null });
  lobby.move(5, 6);
  seen.length = 0;
  network.socket.ends(1006);
  pass(1_000);
  network.socket.open().receives(welcome({ status: "here" }));
  assert.deepEqual(seen.map(([kind]) => kind), ["disconnected", "connected"]);
  assert.deepEqual(sent("status"), []);
  assert.deepEqual(sent("data"), [{ action: "data", data: { team: "red", hat: null } }]);
  assert.deepEqual(sent("pos").map(({ x, y }) => [x, y]), [[5, 6]]);
});

test("a name is changed without leaving, and the next connection has it", () => {
  const { lobby, network, sent, pass } = entered({ name: "Ann" });
  lobby.setName("Zed");
  assert.deepEqual(sent("name"), [{ action: "name", name: "Zed" }]);
  network.socket.ends(1006);
  pass(1_000);
  assert.match(network.socket.url, /name=Zed/);
});

test("a player without an id keeps the one that the lobby gave it, and a watcher gets none", () => {
  for (const [options, id, pid] of [[{ player: "" }, "player_7", /pid=player_7/], [{ player: "", watch: true }, "#c1", /^(?!.*pid)/]]) {
    const { network, pass } = entered(options, { your_id: id, watch: options.watch });
    network.socket.ends(1006);
    pass(1_000);
    assert.match(network.socket.url, pid);
  }
});

test("an event of another player and one of an operator arrive", () => {
  const { network, seen } = entered();
  seen.length = 0;
  network.socket.receives({ type: "event", id: "bea", event: "wave", data: { hand: "left" } });
  network.socket.receives({ type: "event", id: "", event: "restart" });
  assert.deepEqual(seen, [["event", "wave", { hand: "left" }, "bea"], ["event", "restart", {}, ""]]);
});

test("a move that was too fast puts the player where the lobby has it", () => {
  const { lobby, network, sent, pass } = entered();
  lobby.move(500, 0);
  network.socket.receives({ type: "error", code: "too_fast", message: "too fast", x: 1, y: 2, z: 3 });
  assert.deepEqual(lobby.me.place, { x: 1, y: 2, z: 3 });
  const before = sent("pos").length;
  pass(1_000);
  assert.equal(sent("pos").length, before);
});

test("a refusal is reported once and ends the attempts", () => {
  const { network, seen, pass } = start();
  network.socket.open().receives({ type: "error", code: "unauthorized", message: "a token is needed", close: 4501 }).ends(4501);
  pass(5_000);
  assert.deepEqual(seen, [["refused", "unauthorized", "a token is needed"]]);
  assert.equal(network.sockets.length, 1);
});

test("a listener can be removed", () => {
  const { lobby, network } = entered();
  let times = 0;
  const end = lobby.on("event", () => (times += 1));
  network.socket.receives({ type: "event", id: "bea", event: "wave" });
  end();
  network.socket.receives({ type: "event", id: "bea", event: "wave" });
  assert.equal(times, 1);
});

test("it connects by itself, and a refusal comes only after the listeners are there", async () => {
  const network = new FakeNetwork();
  const WebSocket = function (url) {
    return network.surroundings.open(url);
  };
  const options = { player: "ann", WebSocket, now: () => network.now_ms };
  const [lobby, wrong, closed] = [new Lobby("ws://h/", options), new Lobby("ftp://h/", options), new Lobby("ws://h/", options)];
  open.push(lobby, wrong, closed);
  closed.close();
  const refused = [];
  wrong.on("refused", (...values) => refused.push(values));
  assert.equal(network.sockets.length, 0);
  await null;
  assert.equal(network.sockets.length, 1, "a lobby that is closed at once never connects");
  assert.deepEqual(refused, [["bad_address", "The address of a lobby starts with ws:// or wss://."]]);
});

test("in a listener of connected and disconnected the state is already the new one", () => {
  const { lobby, network } = start();
  const kinds = [];
  for (const event of ["connected", "disconnected"]) lobby.on(event, () => kinds.push(lobby.status.kind));
  network.socket.open().receives(welcome()).ends(1006);
  assert.deepEqual(kinds, ["connected", "waiting"]);
});

test("an error in a listener is reported, and the client goes on", async () => {
  const before = process.listeners("uncaughtException");
  const errors = [];
  process.removeAllListeners("uncaughtException").on("uncaughtException", ({ message }) => errors.push(message));
  const { lobby, network } = start();
  lobby.on("connected", () => {
    throw new Error("a bug of the game");
  });
  network.socket.open().receives(welcome());
  await new Promise((done) => setImmediate(done));
  process.removeAllListeners("uncaughtException");
  for (const listener of before) process.on("uncaughtException", listener);
  assert.deepEqual([errors, lobby.players.size], [["a bug of the game"], 1]);
});

test("a new connection counts its events from 1, also one that has taken over", () => {
  const { lobby, network, sent, pass } = entered();
  lobby.send("one");
  lobby.send("two");
  while (network.sockets.length === 1 && network.now_ms < TAKEOVER_MS) pass(1_000);
  network.socket.open().receives(welcome());
  lobby.send("three");
  assert.deepEqual(sent("send").map(({ seq }) => seq), [1]);
});

test("after rate_limited nothing is sent for a while, and then position, status and data", () => {
  const { lobby, network, pass } = entered();
  lobby.move(1, 1);
  lobby.setStatus("away");
  lobby.setData({ team: "red" });
  network.socket.sent.length = 0;
  network.socket.receives({ type: "error", code: "rate_limited", message: "slow down" });
  pass(SLOW_DOWN_MS - 100);
  const actions = () => network.socket.sent.map(({ action }) => action).filter((action) => action !== "ping").sort();
  assert.deepEqual(actions(), []);
  pass(200);
  assert.deepEqual(actions(), ["data", "pos", "status"]);
});

test("a watcher sends nothing", () => {
  const { lobby, network } = entered({ player: "", watch: true, data: { a: 1 } }, { your_id: "#c1", watch: true });
  lobby.move(1, 1);
  lobby.setStatus("x");
  lobby.setName("x");
  lobby.setData({ b: 1 });
  assert.equal(lobby.send("wave"), false);
  assert.deepEqual([network.socket.sent, lobby.players.size], [[], 1]);
});

test("a player that the lobby knows gets its place from the welcome", () => {
  assert.deepEqual(entered({}, { x: 3, y: 4, z: 1, seq: 9 }).lobby.me.place, { x: 3, y: 4, z: 1 });
  assert.equal(entered().lobby.me.place, null);
});

test("another room begins empty, after the lobby closed the old connection", () => {
  const { lobby, network, seen } = entered();
  lobby.move(5, 5);
  seen.length = 0;
  lobby.connect({ room: "dock" });
  assert.deepEqual([network.sockets.length, lobby.status.kind, lobby.players.size, lobby.me.id], [1, "connecting", 0, ""]);
  network.socket.ends(1000);
  assert.match(network.socket.url, /room=dock/);
  network.socket.open().receives(welcome({ lobby_players: [] }));
  assert.deepEqual(seen, [["left", "bea"], ["connected", "ann"]]);
  assert.deepEqual(network.socket.sent, []);
});

test("after a refusal a game can connect again, with a token", () => {
  const { lobby, network } = start();
  network.socket.open().receives({ type: "error", code: "unauthorized", message: "a token is needed", close: 4501 }).ends(4501);
  lobby.retry();
  assert.equal(network.sockets.length, 2);
  network.socket.ends(4501);
  lobby.connect({ token: "t" });
  assert.match(network.socket.url, /token=t/);
});

test("the rooms are read page by page", async () => {
  const asked = [];
  const before = globalThis.fetch;
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return { ok: true, json: async () => (asked.length === 1 ? { rooms: [{ name: "a" }], next: "a" } : { rooms: [{ name: "b" }] }) };
  };
  try {
    const lobby = new Lobby("wss://play.example/lobby/", { token: "t" });
    open.push(lobby);
    lobby.close();
    assert.deepEqual((await lobby.rooms()).map(({ name }) => name), ["a", "b"]);
  } finally {
    globalThis.fetch = before;
  }
  assert.deepEqual(asked, [
    "https://play.example/lobby/rooms?limit=1000&token=t",
    "https://play.example/lobby/rooms?limit=1000&after=a&token=t",
  ]);
});

test("merge patches are those of RFC 7396, and create no prototype", () => {
  assert.deepEqual(merge({ a: { b: "c" }, d: 1 }, { a: { b: "d", c: null }, d: null }), { a: { b: "d" } });
  assert.deepEqual(merge({ a: 1 }, { a: { b: 2 } }), { a: { b: 2 } });
  assert.deepEqual(combine({ a: { b: 1 }, c: 1 }, { a: { d: null } }), { a: { b: 1, d: null }, c: 1 });
  const merged = merge({}, JSON.parse('{"__proto__":{"isAdmin":true}}'));
  assert.equal(merged.isAdmin, undefined);
});
