import assert from "node:assert/strict";
import { test } from "node:test";

import { CONFIG_LONGEST_MS, ID_CHARACTERS, ROSTER_MOST } from "../../clients/javascript/client/constants.js";
import { decode, encodeHello, encodePing, encodePosition, encodeStatus } from "../../clients/javascript/client/messages.js";

const read = (message) => decode(JSON.stringify(message));
const AT_ORIGIN = { x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: 0, t: 0, z: 0, vz: 0 };

test("a welcome of version 2 is decoded", () => {
  const bea = { id: "b", x: 1, y: 2, n: 4, name: "Bea", status: "trading", vx: 1, h: 1.57, seq: 9, t: 8, age: 250, z: 3, data: { team: "red" } };
  const message = read({ type: "welcome", your_id: "a", lobby_players: [bea], v: 2, n: 7, t: 5, x: 3, y: 4, seq: 6 });
  assert.deepEqual(message, {
    type: "welcome",
    your_id: "a",
    n: 7,
    v: 2,
    t: 5,
    position: { ...AT_ORIGIN, x: 3, y: 4, seq: 6 },
    players: [{ id: "b", n: 4, name: "Bea", status: "trading", age: 250, data: { team: "red" }, position: { x: 1, y: 2, vx: 1, vy: 0, h: 1.57, seq: 9, t: 8, z: 3, vz: 0 } }],
    status: "",
    data: {},
    watch: false,
  });
});

test("a welcome, join, pos and leave of version 1 are decoded", () => {
  const welcome = read({ type: "welcome", your_id: "a", lobby_players: [{ id: "b", x: 1.5, y: 2 }] });
  assert.deepEqual([welcome.v, welcome.n, welcome.players[0].name, welcome.players[0].position.x], [1, 0, "b", 1.5]);
  assert.equal(read({ type: "join", id: "c", x: 0, y: 0 }).player.id, "c");
  assert.deepEqual(read({ type: "pos", id: "b", x: 12.5, y: 8.3 }).position, { ...AT_ORIGIN, x: 12.5, y: 8.3 });
  assert.deepEqual(read({ type: "leave", id: "b" }), { type: "leave", id: "b" });
});

test("an entry of moves is in hundredths, and missing zeros at its end are added", () => {
  const { t, entries } = read({ type: "moves", t: 99, m: [[4, 1250, 830, 100, 0, 157, 18, 27589], [5, 0, -150], [6]] });
  assert.equal(t, 99);
  assert.deepEqual(entries, [
    { n: 4, position: { x: 12.5, y: 8.3, vx: 1, vy: 0, h: 1.57, seq: 18, t: 27589, z: 0, vz: 0 } },
    { n: 5, position: { ...AT_ORIGIN, y: -1.5 } },
    { n: 6, position: AT_ORIGIN },
  ]);
});

test("texts of other players fit one line", () => {
  const { player } = read({ type: "join", id: "b", name: `a\nb\u202ec${"x".repeat(99)}`, status: "away\t", x: 0, y: 0 });
  assert.equal(player.name, `a b c${"x".repeat(27)}`);
  assert.equal(player.status, "away");
  assert.equal(read({ type: "join", id: "b", name: "\n", x: 0, y: 0 }).player.name, "b");
  assert.equal(read({ type: "error", code: "c", message: `one\ntwo${"x".repeat(300)}` }).message.length, 200);
});

test("an error may have a place and a close code", () => {
  const error = { type: "error", code: "too_fast", message: "too fast" };
  assert.deepEqual(read(error), { ...error, close: 0, place: null });
  assert.deepEqual(read({ ...error, x: 1, y: 2, close: null }), { ...error, close: 0, place: { x: 1, y: 2, z: 0 } });
  assert.equal(read({ ...error, close: 4003 }).close, 4003);
});

test("an unknown field is ignored", () => {
  assert.deepEqual(read({ type: "leave", id: "b", reason: "bored" }), { type: "leave", id: "b" });
});

test("a text that is no valid message is dropped as a whole", () => {
  const config = { type: "config", send_ms: 1, window_ms: 1, far_ms: 1, heartbeat_ms: 1 };
  const invalid = [
    null, 5, "x", [], {}, { type: "weather" }, { type: ["pos"] }, { type: "welcome" }, { type: "welcome", your_id: 5, lobby_players: [] },
    { type: "welcome", your_id: "a", lobby_players: [5] }, { type: "welcome", your_id: "a", lobby_players: [{ id: "" }] },
    { type: "join" }, { type: "join", id: 5 }, { type: "join", id: "b", x: "1" }, { type: "join", id: "b", x: null }, { type: "join", id: "b", name: 7 },
    { type: "join", id: "b", x: 1e15 }, { type: "leave" }, { type: "moves" }, { type: "moves", t: 1, m: [[]] }, { type: "moves", t: 1, m: [5] },
    { type: "moves", t: 1, m: [[1, "x"]] }, { type: "pos" }, { type: "status", id: "b" }, { type: "pong", t: {} }, { type: "error", code: 5 },
    { ...config, far_ms: undefined }, { ...config, far_ms: -1 }, { ...config, far_ms: CONFIG_LONGEST_MS + 1 }, { ...config, far_ms: "1" },
  ];
  for (const message of invalid) assert.equal(read(message), null, JSON.stringify(message));
  for (const text of ["", "{", "nonsense", '{"__proto__":{"type":"leave","id":"b"}}']) assert.equal(decode(text), null, text);
});

test("positions are sent in hundredths, with a heading from minus pi to pi", () => {
  const text = encodePosition({ x: 1.234, y: -5.678, vx: 0.004, vy: 1, h: 3 * Math.PI, seq: 7, t: 8 });
  assert.deepEqual(JSON.parse(text), { action: "pos", x: 1.23, y: -5.68, vx: 0, vy: 1, h: 3.14, seq: 7, t: 8 });
});

test("the other messages of a client", () => {
  assert.deepEqual(JSON.parse(encodePing(5)), { action: "ping", t: 5 });
  assert.deepEqual(JSON.parse(encodeHello()), { action: "hello" });
  assert.deepEqual(JSON.parse(encodeStatus("away")), { action: "status", status: "away" });
});

test("ids and lists that are longer than any lobby has make a message invalid", () => {
  const id = "x".repeat(ID_CHARACTERS + 1);
  const place = { x: 0, y: 0 };
  for (const body of [
    { type: "join", id, ...place },
    { type: "leave", id },
    { type: "pos", id, ...place },
    { type: "status", id, status: "" },
    { type: "welcome", your_id: id, lobby_players: [] },
    { type: "welcome", your_id: "a", lobby_players: Array(ROSTER_MOST + 1).fill({ id: "b", ...place }) },
    { type: "moves", t: 1, m: Array(ROSTER_MOST + 1).fill([1, 2, 3]) },
  ]) {
    assert.equal(read(body), null, body.type);
  }
});

test("a name of a megabyte is cut to the length that a lobby allows", () => {
  const { player } = read({ type: "join", id: "b", x: 0, y: 0, name: "N".repeat(1 << 20), status: "S".repeat(1 << 20) });
  assert.deepEqual([player.name.length, player.status.length], [32, 32]);
});

test("height is at the end of an entry, and a game without height sends none", () => {
  const { entries } = read({ type: "moves", t: 1, m: [[4, 0, 0, 0, 0, 0, 1, 0, 325, -100]] });
  assert.deepEqual([entries[0].position.z, entries[0].position.vz], [3.25, -1]);
  const position = { x: 1, y: 2, vx: 0, vy: 0, h: 0, seq: 1, t: 5 };
  assert.equal(JSON.parse(encodePosition({ ...position, z: 1.5 })).z, 1.5);
  assert.ok(!("z" in JSON.parse(encodePosition({ ...position, z: 0, vz: 0 }))));
});

test("data and events are objects, and an event of an operator has no sender", () => {
  assert.deepEqual(read({ type: "data", id: "b", data: { a: [1, null] } }), { type: "data", id: "b", data: { a: [1, null] } });
  assert.deepEqual(read({ type: "event", id: "", event: "maintenance" }), { type: "event", id: "", event: "maintenance", data: {} });
  for (const data of [[], 1, "x", null]) assert.equal(read({ type: "data", id: "b", data }), null);
  assert.deepEqual(read({ type: "data", id: "b", data: { a: "x".repeat(20_000) } }).data, {});
});

test("a message with __proto__ gives no object another prototype", () => {
  const { data } = decode('{"type":"data","id":"b","data":{"__proto__":{"isAdmin":true}}}');
  assert.equal(data.isAdmin, undefined);
  assert.equal({}.isAdmin, undefined);
});
