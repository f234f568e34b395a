import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, received } from "../../backend/lobby/viewer/roster.js";
import { randomNumbers } from "./helpers.js";

const WELCOME = {
  type: "welcome",
  your_id: "a",
  lobby_players: [
    { id: "b", x: 1, y: 2, n: 4, name: "Bea", status: "trading", vx: 1, h: 1.57, seq: 9 },
    { id: "c", x: 0, y: 0, n: 5, name: "Cy" },
  ],
  v: 2,
  n: 7,
  t: 1795426800000,
  x: 0,
  y: 0,
  seq: 0,
};

const after = (roster, ...messages) => messages.reduce((known, message) => received(known, message, 0).roster, roster);
const ids = (players) => players.map(({ id }) => id);

test("a welcome is the whole truth", () => {
  const change = received(EMPTY, WELCOME, 5);
  assert.equal(change.roster.me, "a");
  assert.equal(change.roster.v, 2);
  assert.deepEqual(ids(change.joined), ["b", "c"]);
  assert.deepEqual(change.roster.players.get("b"), {
    id: "b", n: 4, name: "Bea", status: "trading", x: 1, y: 2, vx: 1, vy: 0, h: 1.57, seq: 9, heard_ms: 5,
  });
});

test("a second welcome tells only what changed: who was here before and is still here neither left nor joined", () => {
  const first = after(EMPTY, WELCOME);
  const change = received(first, { ...WELCOME, lobby_players: [WELCOME.lobby_players[0], { id: "d", x: 1, y: 1, n: 9 }] }, 1);
  assert.deepEqual(ids(change.joined), ["d"]);
  assert.deepEqual(ids(change.left), ["c"]);
  assert.deepEqual(ids(change.placed), ["d"], "b stands where it stood: nothing to place");
  assert.equal(change.roster.numbers.has(5), false);
});

test("version 1's welcome, join, pos and leave are understood", () => {
  const welcome = { type: "welcome", your_id: "a", lobby_players: [{ id: "b", x: 1.0, y: 2.0 }] };
  let change = received(after(EMPTY, welcome), { type: "join", id: "c", x: 0, y: 0 }, 0);
  assert.deepEqual(ids(change.joined), ["c"]);
  assert.equal(change.roster.players.get("c").name, "c");
  change = received(change.roster, { type: "pos", id: "b", x: 12.5, y: 8.3 }, 0);
  assert.deepEqual(change.moved, [{ id: "b", x: 12.5, y: 8.3, vx: 0, vy: 0, h: 0, t: 0, server_ms: 0 }]);
  change = received(change.roster, { type: "leave", id: "b" }, 0);
  assert.deepEqual(ids(change.left), ["b"]);
  assert.deepEqual([...change.roster.players.keys()], ["c"]);
});

test("an entry of moves is in hundredths, and zeros that were cut off at its end are zeros", () => {
  const roster = after(EMPTY, WELCOME);
  const change = received(roster, { type: "moves", t: 99, m: [[4, 1250, 830, 100, 0, 157, 18, 27589], [5, 0, -150]] }, 3);
  assert.deepEqual(change.moved, [
    { id: "b", x: 12.5, y: 8.3, vx: 1, vy: 0, h: 1.57, t: 27589, server_ms: 99 },
    { id: "c", x: 0, y: -1.5, vx: 0, vy: 0, h: 0, t: 0, server_ms: 99 },
  ]);
  assert.deepEqual(received(roster, { type: "moves", t: 99, m: [[5]] }, 3).moved[0].x, 0, "somebody at the origin");
});

test("an older position never overwrites a newer one", () => {
  const roster = after(EMPTY, WELCOME, { type: "moves", t: 1, m: [[4, 100, 0, 0, 0, 0, 20]] });
  for (const seq of [20, 19, 1]) {
    const change = received(roster, { type: "moves", t: 2, m: [[4, 900, 0, 0, 0, 0, seq]] }, 0);
    assert.deepEqual(change.moved, []);
    assert.equal(change.roster.players.get("b").x, 1);
  }
  assert.equal(after(roster, { type: "moves", t: 2, m: [[4, 900, 0, 0, 0, 0, 21]] }).players.get("b").x, 9);
});

test("without a seq, or with 0, positions count in order of arrival and do not reset what we know", () => {
  const roster = after(EMPTY, WELCOME, { type: "moves", t: 1, m: [[4, 100, 0, 0, 0, 0, 20]] }, { type: "moves", t: 1, m: [[4, 200]] });
  assert.equal(roster.players.get("b").x, 2);
  assert.equal(roster.players.get("b").seq, 20);
});

test("in any order of arrival the newest position wins", () => {
  const random = randomNumbers(3);
  for (let round = 0; round < 200; round++) {
    const order = Array.from({ length: 12 }, (_, i) => i + 10).sort(() => random() - 0.5);
    const roster = after(EMPTY, WELCOME, ...order.map((seq) => ({ type: "moves", t: 1, m: [[4, seq * 100, 0, 0, 0, 0, seq]] })));
    assert.equal(roster.players.get("b").x, 21);
  }
});

test("we are not among the others, whatever the lobby says", () => {
  const roster = after(EMPTY, { ...WELCOME, lobby_players: [{ id: "a", x: 1, y: 1, n: 7 }] });
  assert.equal(roster.players.size, 0);
  const change = received(after(EMPTY, WELCOME), { type: "moves", t: 1, m: [[7, 100, 100]] }, 0);
  assert.deepEqual([change.moved, change.strangers], [[], false]);
  assert.equal(received(after(EMPTY, WELCOME), { type: "join", id: "a", x: 0, y: 0 }, 0).joined.length, 0);
});

test("told twice, somebody joins once and leaves once", () => {
  const join = { type: "join", id: "d", x: 0, y: 0, n: 8, name: "Dee", status: "" };
  const roster = after(EMPTY, WELCOME, join);
  assert.deepEqual(received(roster, join, 0).joined, []);
  const gone = after(roster, { type: "leave", id: "d" });
  assert.deepEqual(received(gone, { type: "leave", id: "d" }, 0).left, []);
});

test("a join that is told again puts nobody back, and says what is new", () => {
  const roster = after(EMPTY, WELCOME);
  const old = received(roster, { type: "join", id: "b", x: 0, y: 0, n: 4, name: "Bea", status: "away", seq: 8 }, 0);
  assert.deepEqual([ids(old.joined), ids(old.placed)], [[], []]);
  assert.deepEqual([old.roster.players.get("b").x, old.roster.players.get("b").status], [1, "away"]);
  const fresh = received(roster, { type: "join", id: "b", x: 5, y: 0, n: 4, name: "Bea", status: "", seq: 12 }, 0);
  assert.deepEqual([ids(fresh.joined), ids(fresh.placed)], [[], ["b"]]);
});

test("somebody who comes again with a new number is heard under the new one only", () => {
  const roster = after(EMPTY, WELCOME, { type: "join", id: "b", x: 0, y: 0, n: 30, name: "Bea" });
  assert.equal(received(roster, { type: "moves", t: 1, m: [[30, 100]] }, 0).moved.length, 1);
  const old = received(roster, { type: "moves", t: 1, m: [[4, 100]] }, 0);
  assert.deepEqual([old.moved.length, old.strangers], [0, true]);
});

test("somebody unknown who moves is a reason to ask again", () => {
  assert.equal(received(after(EMPTY, WELCOME), { type: "moves", t: 1, m: [[99, 1, 1]] }, 0).strangers, true);
  assert.equal(received(after(EMPTY, WELCOME), { type: "pos", id: "zed", x: 1, y: 1 }, 0).strangers, true);
});

test("a status comes and goes", () => {
  const roster = after(EMPTY, WELCOME, { type: "status", id: "c", status: "away" });
  assert.equal(roster.players.get("c").status, "away");
  assert.equal(after(roster, { type: "status", id: "c", status: "" }).players.get("c").status, "");
});

test("unknown types, unknown fields and nonsense change nothing", () => {
  const roster = after(EMPTY, WELCOME);
  const nonsense = [
    null, 5, "x", [], {}, { type: "weather" }, { type: "welcome" }, { type: "welcome", your_id: 5, lobby_players: [] },
    { type: "join" }, { type: "join", id: 5 }, { type: "leave" }, { type: "moves" }, { type: "moves", m: [5, null, "x"] },
    { type: "pos" }, { type: "status", id: "nobody", status: "x" }, { type: "error", message: "no", code: "bad_json" },
  ];
  for (const message of nonsense) {
    const change = received(roster, message, 0);
    assert.equal(change.roster, roster, JSON.stringify(message));
    assert.equal(change.joined.length + change.left.length + change.moved.length, 0);
  }
  assert.equal(received(roster, { type: "leave", id: "b", reason: "bored" }, 0).left.length, 1);
});

test("numbers that are none become 0 and names fit in one line", () => {
  const roster = after(EMPTY, { ...WELCOME, lobby_players: [{ id: "b", x: "1", y: null, n: 4, name: "a\nb\u202ec" + "x".repeat(99), status: 7 }] });
  const player = roster.players.get("b");
  assert.deepEqual([player.x, player.y, player.status], [0, 0, ""]);
  assert.equal(player.name, "abc" + "x".repeat(29));
});

test("what was known before is never changed in place", () => {
  const roster = after(EMPTY, WELCOME);
  const before = JSON.stringify([...roster.players]);
  after(roster, { type: "moves", t: 1, m: [[4, 1, 1, 0, 0, 0, 99]] }, { type: "leave", id: "c" }, { type: "status", id: "b", status: "x" });
  assert.equal(JSON.stringify([...roster.players]), before);
});
