import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Lobby } from "../../clients/javascript/client/lobby.js";
import { combine, merge } from "../../clients/javascript/client/data.js";
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
  assert.equal(network.socket.url, "ws://h/?pid=ann&room=hub&name=%C3%84nn&v=2");
  assert.deepEqual(seen, [["connected", "ann"], ["joined", "bea"]]);
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

test("merge patches are those of RFC 7396, and create no prototype", () => {
  assert.deepEqual(merge({ a: { b: "c" }, d: 1 }, { a: { b: "d", c: null }, d: null }), { a: { b: "d" } });
  assert.deepEqual(merge({ a: 1 }, { a: { b: 2 } }), { a: { b: 2 } });
  assert.deepEqual(combine({ a: { b: 1 }, c: 1 }, { a: { d: null } }), { a: { b: 1, d: null }, c: 1 });
  const merged = merge({}, JSON.parse('{"__proto__":{"isAdmin":true}}'));
  assert.equal(merged.isAdmin, undefined);
});
