import assert from "node:assert/strict";
import { test } from "node:test";

import { decode } from "../../clients/javascript/client/messages.js";
import { GRACE_MS, ROSTER_MOST } from "../../clients/javascript/client/constants.js";
import { Roster } from "../../clients/javascript/client/roster.js";
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
};

/** What a message changes, in a roster of its own: the messages of a list are applied to a new one. */
function change(before, message, now_ms = 0) {
  const roster = replayed(before);
  const found = roster.apply(decode(JSON.stringify(message)), now_ms);
  return { roster: [...before, { message, now_ms }], known: roster, ...found };
}

/** A roster after all that happened. */
function replayed(history) {
  const roster = new Roster();
  for (const { message, now_ms, is_cut, expires_ms } of history) {
    if (is_cut) roster.cut();
    else if (expires_ms !== undefined) roster.expire(expires_ms);
    else roster.apply(decode(JSON.stringify(message)), now_ms);
  }
  return roster;
}

const EMPTY = [];
const after = (history, ...messages) => [...history, ...messages.map((message) => ({ message, now_ms: 0 }))];
const cut = (history) => [...history, { is_cut: true }];
const expire = (history, now_ms) => ({ left: replayed(history).expire(now_ms), roster: [...history, { expires_ms: now_ms }] });
const players = (history) => replayed(history).players;
const ids = (all) => all.map(({ id, player }) => id ?? player.id);
const moves = (...m) => ({ type: "moves", t: 99, m });

test("a welcome replaces what was known", () => {
  const { known, joined } = change(EMPTY, WELCOME, 5);
  assert.equal(known.me, "a");
  assert.deepEqual(ids(joined), ["b", "c"]);
  const { id, n, name, status, data, position, seen_ms } = known.players.get("b");
  assert.deepEqual([id, n, name, status, data, seen_ms], ["b", 4, "Bea", "trading", {}, 5]);
  assert.deepEqual(position, { x: 1, y: 2, vx: 1, vy: 0, h: 1.57, seq: 9, t: 0, z: 0, vz: 0 });
});

test("a second welcome reports only the differences", () => {
  const first = after(EMPTY, WELCOME);
  const second = change(first, { ...WELCOME, lobby_players: [WELCOME.lobby_players[0], { id: "d", x: 1, y: 1, n: 9 }] }, 1);
  assert.deepEqual(ids(second.joined), ["d"]);
  assert.deepEqual(ids(second.left), ["c"]);
  assert.deepEqual(ids(second.placed), ["d"], "b has the same position as before");
  assert.equal(change(second.roster, moves([5, 100])).has_unknown, true);
});

test("messages of version 1 change the roster", () => {
  const welcome = { type: "welcome", your_id: "a", lobby_players: [{ id: "b", x: 1.0, y: 2.0 }] };
  const joined = change(after(EMPTY, welcome), { type: "join", id: "c", x: 0, y: 0 });
  assert.deepEqual(ids(joined.joined), ["c"]);
  const moved = change(joined.roster, { type: "pos", id: "b", x: 12.5, y: 8.3 });
  assert.deepEqual(ids(moved.moved), ["b"]);
  assert.equal(players(moved.roster).get("b").position.x, 12.5);
  const left = change(moved.roster, { type: "leave", id: "b" });
  assert.deepEqual(ids(left.left), ["b"]);
  assert.deepEqual([...players(left.roster).keys()], ["c"]);
});

test("moves name players by their numbers and carry the server's clock", () => {
  const { moved } = change(after(EMPTY, WELCOME), moves([4, 1250, 830, 100, 0, 157, 18, 27589], [5, 0, -150]), 3);
  assert.deepEqual(ids(moved), ["b", "c"]);
  assert.deepEqual([moved[0].position.x, moved[0].position.t, moved[0].server_ms], [12.5, 27589, 99]);
});

test("an older position never overwrites a newer one", () => {
  const roster = after(EMPTY, WELCOME, moves([4, 100, 0, 0, 0, 0, 20]));
  for (const seq of [20, 19, 1]) {
    const older = change(roster, moves([4, 900, 0, 0, 0, 0, seq]));
    assert.deepEqual(older.moved, []);
    assert.equal(players(older.roster).get("b").position.x, 1);
  }
  assert.equal(players(after(roster, moves([4, 900, 0, 0, 0, 0, 21]))).get("b").position.x, 9);
});

test("positions without a seq count in order of arrival and keep the known seq", () => {
  const roster = after(EMPTY, WELCOME, moves([4, 100, 0, 0, 0, 0, 20]), moves([4, 200]));
  assert.deepEqual([players(roster).get("b").position.x, players(roster).get("b").position.seq], [2, 20]);
});

test("the newest position wins in any order of arrival", () => {
  const random = randomNumbers(3);
  for (let round = 0; round < 200; round++) {
    const order = Array.from({ length: 12 }, (_, i) => i + 10).sort(() => random() - 0.5);
    const roster = after(EMPTY, WELCOME, ...order.map((seq) => moves([4, seq * 100, 0, 0, 0, 0, seq])));
    assert.equal(players(roster).get("b").position.x, 21);
  }
});

test("the own player is never one of the others", () => {
  const roster = after(EMPTY, { ...WELCOME, lobby_players: [{ id: "a", x: 1, y: 1, n: 7 }] });
  assert.equal(players(roster).size, 0);
  const own = change(after(EMPTY, WELCOME), moves([7, 100, 100]));
  assert.deepEqual([own.moved, own.has_unknown], [[], false]);
  assert.equal(change(after(EMPTY, WELCOME), { type: "join", id: "a", x: 0, y: 0 }).joined.length, 0);
});

test("a repeated join or leave is reported once", () => {
  const join = { type: "join", id: "d", x: 0, y: 0, n: 8, name: "Dee", status: "" };
  const roster = after(EMPTY, WELCOME, join);
  assert.deepEqual(change(roster, join).joined, []);
  const without = after(roster, { type: "leave", id: "d" });
  assert.deepEqual(change(without, { type: "leave", id: "d" }).left, []);
});

test("a repeated join does not set an older position, but what else is new", () => {
  const roster = after(EMPTY, WELCOME);
  const older = change(roster, { type: "join", id: "b", x: 0, y: 0, n: 4, name: "Bea", status: "away", seq: 8 });
  assert.deepEqual([ids(older.joined), ids(older.placed)], [[], []]);
  assert.deepEqual([players(older.roster).get("b").position.x, players(older.roster).get("b").status], [1, "away"]);
  const newer = change(roster, { type: "join", id: "b", x: 5, y: 0, n: 4, name: "Bea", status: "", seq: 12 });
  assert.deepEqual([ids(newer.joined), ids(newer.placed)], [[], ["b"]]);
});

test("a player that joined again is known by its new number only", () => {
  const roster = after(EMPTY, WELCOME, { type: "join", id: "b", x: 0, y: 0, n: 30, name: "Bea" });
  assert.equal(change(roster, moves([30, 100])).moved.length, 1);
  const old = change(roster, moves([4, 100]));
  assert.deepEqual([old.moved.length, old.has_unknown], [0, true]);
});

test("an unknown player that moves is reported", () => {
  assert.equal(change(after(EMPTY, WELCOME), moves([99, 1, 1])).has_unknown, true);
  assert.equal(change(after(EMPTY, WELCOME), { type: "pos", id: "zed", x: 1, y: 1 }).has_unknown, true);
});

test("a status is set and removed", () => {
  const roster = after(EMPTY, WELCOME, { type: "status", id: "c", status: "away" });
  assert.equal(players(roster).get("c").status, "away");
  assert.equal(players(after(roster, { type: "status", id: "c", status: "" })).get("c").status, "");
});

test("messages about other things or unknown players change nothing", () => {
  const roster = after(EMPTY, WELCOME);
  const others = [
    { type: "error", message: "no", code: "bad_json" },
    { type: "pong", t: 1, now: 1 },
    { type: "leave", id: "unknown" },
    { type: "status", id: "unknown", status: "x" },
    moves(),
  ];
  const before = JSON.stringify([...players(roster).values()]);
  for (const message of others) assert.equal(JSON.stringify([...players(after(roster, message)).values()]), before, JSON.stringify(message));
});

test("after a lost connection missing players stay for the grace period", () => {
  const known = cut(after(EMPTY, WELCOME));
  const { roster, left } = change(known, { ...WELCOME, lobby_players: [WELCOME.lobby_players[0]] }, 1_000);
  assert.deepEqual(left, []);
  assert.deepEqual([...players(roster).keys()].sort(), ["b", "c"]);
  assert.deepEqual(expire(roster, 1_000 + GRACE_MS - 1).left, []);
  const late = expire(roster, 1_000 + GRACE_MS);
  assert.deepEqual(ids(late.left), ["c"]);
  assert.deepEqual(expire(late.roster, 9e9).left, []);
});

test("a missing player that comes back in time never left, and its old number is free", () => {
  const known = change(cut(after(EMPTY, WELCOME)), { ...WELCOME, lobby_players: [{ id: "d", x: 0, y: 0, n: 4, name: "Dee" }] }).roster;
  assert.deepEqual(ids(change(known, moves([4, 100])).moved), ["d"]);
  const back = change(known, { type: "join", id: "b", x: 0, y: 0, n: 6, name: "Bea", status: "" }, 10);
  assert.deepEqual(back.joined, []);
  assert.equal(players(back.roster).get("b").position.x, 1, "it has not sent a position yet");
  assert.deepEqual(ids(expire(back.roster, GRACE_MS).left), ["c"]);
  assert.deepEqual(ids(change(expire(back.roster, GRACE_MS).roster, moves([6, 100])).moved), ["b"]);
});

test("a leave, and a welcome without a lost connection, remove players at once", () => {
  const known = after(EMPTY, WELCOME);
  assert.deepEqual(ids(change(known, { ...WELCOME, lobby_players: [] }).left), ["b", "c"]);
  const missing = change(cut(known), { ...WELCOME, lobby_players: [] }).roster;
  const gone = change(missing, { type: "leave", id: "b" });
  assert.deepEqual(ids(gone.left), ["b"]);
  assert.deepEqual(ids(expire(gone.roster, 9e9).left), ["c"]);
});

test("a roster keeps no more players than a room can have, and those that are here come first", () => {
  const player = (id, n) => ({ id, x: 0, y: 0, n });
  const full = Array.from({ length: ROSTER_MOST }, (_, i) => player(`p${i}`, i + 10));
  const roster = after(EMPTY, { ...WELCOME, lobby_players: full });
  assert.equal(players(after(roster, { type: "join", ...player("one more", 5) })).size, ROSTER_MOST);
  const others = Array.from({ length: ROSTER_MOST - 1 }, (_, i) => player(`q${i}`, i + 10));
  const { roster: later, left } = change(cut(roster), { ...WELCOME, lobby_players: others });
  assert.equal(players(later).size, ROSTER_MOST);
  assert.equal(left.length, ROSTER_MOST - 1);
  assert.ok(players(later).has(others.at(-1).id));
});

test("data and a new name of a player are changes, and the player stays the same object", () => {
  const roster = new Roster();
  const apply = (message) => roster.apply(decode(JSON.stringify(message)), 0);
  apply(WELCOME);
  const bea = roster.players.get("b");
  assert.deepEqual(ids(apply({ type: "data", id: "b", data: { team: "red" } }).changed), ["b"]);
  const { joined, changed } = apply({ type: "join", id: "b", x: 1, y: 2, n: 4, name: "Beatrix", status: "trading", seq: 9, data: { team: "red" } });
  assert.deepEqual([joined, ids(changed)], [[], ["b"]]);
  assert.equal(roster.players.get("b"), bea);
  assert.deepEqual([bea.name, bea.data], ["Beatrix", { team: "red" }]);
});

test("changes are applied in order, leaves first, and without the own player", () => {
  const [again, own, dee] = [{ id: "b", x: 5, y: 5, n: 9 }, { id: "a", x: 5, y: 5, n: 7 }, { id: "d", x: 0, y: 0, n: 6 }];
  const { roster, known, left, joined } = change(after(EMPTY, WELCOME), { type: "changes", leave: ["b", "nobody"], join: [again, own, dee, dee] });
  assert.deepEqual([ids(left), ids(joined)], [["b"], ["b", "d"]]);
  assert.deepEqual([...known.players.keys()].sort(), ["b", "c", "d"]);
  assert.deepEqual(ids(change(roster, moves([9, 700, 0])).moved), ["b"]);
  assert.deepEqual(ids(change(roster, { type: "changes", leave: ["c"] }).left), ["c"]);
});
