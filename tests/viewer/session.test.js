import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../backend/lobby/viewer/session.js";
import { FakeNetwork } from "../javascript/fake_network.js";

const ADDRESS = { url: "ws://h/", room: "", pid: "ann", name: "Ann", token: "" };
const BEA = { id: "bea", x: 1, y: 2, n: 2, name: "Bea", status: "" };
const welcome = (...players) => ({ type: "welcome", your_id: "ann", lobby_players: players, v: 2, n: 1 });

function start() {
  const network = new FakeNetwork();
  const seen = { kinds: [], rooms: 0 };
  const on = { status: ({ kind }) => seen.kinds.push(kind), changed: () => {}, newRoom: () => (seen.rooms += 1), entered: () => {}, isBusy: () => false };
  const session = new Session(on, network.surroundings);
  session.connect(ADDRESS);
  network.socket.open().receives(welcome(BEA));
  return { session, network, seen };
}

test("after its welcome the session knows the room and sends its position", () => {
  const { session, network } = start();
  assert.deepEqual([session.me, session.count, session.name], ["ann", 2, "Ann"]);
  assert.deepEqual(network.sent("pos").map(({ seq }) => seq), [1]);
  assert.equal(network.sent("status").length, 0);
});

test("the players of the first welcome are not announced, later ones are", () => {
  const { session, network } = start();
  assert.equal(session.announcements.due(0, 2), "");
  network.socket.receives({ type: "join", id: "cy", x: 0, y: 0, n: 3, name: "Cy" });
  assert.equal(session.announcements.due(0, 3), "Cy joined. 3 here.");
});

test("after a disconnect the lobby gets position and status again", () => {
  const { session, network } = start();
  session.setStatus("away");
  network.socket.ends(1006);
  session.client.tryNow();
  network.socket.open().receives(welcome(BEA));
  const sent = network.socket.sent.map(({ action }) => action);
  assert.deepEqual(sent.sort(), ["pos", "status"]);
});

test("an unknown player that moves makes the session ask for a welcome", () => {
  const { network } = start();
  network.socket.receives({ type: "moves", t: 1, m: [[99, 1, 1]] });
  assert.equal(network.sent("hello").length, 1);
});

test("the ship goes where the lobby has it", () => {
  const { session, network } = start();
  network.socket.receives({ type: "error", code: "too_fast", message: "too fast", x: 7, y: 8 });
  assert.deepEqual([session.own.ship.x, session.own.ship.y], [7, 8]);
});

test("a hidden page sends that its ship rests", () => {
  const { session, network } = start();
  session.own.fly({ x: 1, y: 0 }, 0.5);
  session.rest(0);
  assert.deepEqual(network.sent("pos").map(({ vx }) => vx), [0, 0]);
});

test("another name keeps room and ship, another room does not", () => {
  const { session, network, seen } = start();
  session.own.fly({ x: 1, y: 0 }, 0.5);
  const { ship } = session.own;
  session.connect({ ...ADDRESS, name: "Anna" });
  assert.deepEqual([session.count, session.own.ship, seen.rooms], [2, ship, 0]);
  network.socket.ends(1000);
  session.connect({ ...ADDRESS, name: "Anna", room: "dock" });
  assert.deepEqual([session.count, session.own.is_placed, seen.rooms], [0, false, 1]);
});

test("without a connection no position is sent", () => {
  const { session, network } = start();
  network.socket.ends(4501);
  session.own.fly({ x: 1, y: 0 }, 0.5);
  session.poll(1_000);
  assert.equal(network.sent("pos").length, 1);
});

const config = (heartbeat_ms) => ({ type: "config", send_ms: 250, window_ms: 60, far_ms: 500, heartbeat_ms });

test("the round trip is measured every five seconds if heartbeats are short, and the best of three is shown", () => {
  const { session, network } = start();
  const pass = (ms) => network.pass(() => session.poll(network.now_ms), ms);
  assert.ok(Number.isNaN(session.client.round_trip_ms));
  network.socket.receives(config(20_000));
  pass(30_000);
  const pings = network.sent("ping").length;
  assert.ok(pings >= 6 && pings <= 8, `${pings}`);
  assert.equal(session.client.round_trip_ms, 0);
  network.socket.ends(1006);
  assert.ok(Number.isNaN(session.client.round_trip_ms), "a new connection is measured anew");
});

test("a lobby that asks for long heartbeats gets as few pings as it asks for", () => {
  const { session, network } = start();
  const pass = (ms) => network.pass(() => session.poll(network.now_ms), ms);
  network.socket.receives(config(120_000));
  pass(300_000);
  assert.ok(network.sent("ping").length <= 4);
});
