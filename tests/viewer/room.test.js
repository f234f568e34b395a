import assert from "node:assert/strict";
import { test } from "node:test";

import { decode } from "../../clients/javascript/client/messages.js";
import { OwnShip } from "../../backend/lobby/viewer/own_ship.js";
import { Room } from "../../backend/lobby/viewer/room.js";
import { fieldLabel, rows, ships, snapshot } from "../../backend/lobby/viewer/scene.js";
import { delivered, flight, hops, randomNumbers, sentByPolicy } from "../javascript/helpers.js";

const WELCOME = { type: "welcome", your_id: "ann", lobby_players: [{ id: "bea", x: 3, y: 4, n: 2, name: "Bea", status: "away" }], v: 2, n: 1, x: 0, y: 0, seq: 1 };

/** A room after its welcome, and what is known with it. */
function start() {
  const [room, own] = [new Room(), new OwnShip()];
  const receive = (message, now_ms = 0, is_busy = false) => room.apply(decode(JSON.stringify(message)), now_ms, is_busy);
  receive(WELCOME);
  own.welcomed("ann", { x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: 1, t: 0 });
  return { room, own, name: "Ann", receive };
}

/** Bea flies east for a second. */
function fly({ room, receive }) {
  for (let ms = 0; ms <= 1_000; ms += 20) {
    if (ms % 200 === 0) receive({ type: "moves", t: 0, m: [[2, 300 + ms, 400, 1_000, 0, 0, ms + 1, ms + 1]] }, ms);
    room.advance(ms);
  }
}

test("a player of the welcome is drawn at rest at its position", () => {
  const { room } = start();
  const { x, y, is_still } = room.advance(0).get("bea");
  assert.deepEqual([x, y, is_still, room.delays_ms], [3, 4, true, []]);
});

test("a player that moves is drawn late on its track", () => {
  const known = start();
  fly(known);
  const { x } = known.room.drawn.get("bea");
  const [delay_ms] = known.room.delays_ms;
  assert.ok(delay_ms > 100 && delay_ms < 400, `${delay_ms}`);
  assert.ok(Math.abs(x - (13 - delay_ms / 100)) < 0.3, `${x}`);
});

test("a player that left is not drawn, and comes back at its new position", () => {
  const { room, receive } = start();
  receive({ type: "leave", id: "bea" });
  assert.equal(room.advance(20).size, 0);
  receive({ type: "join", id: "bea", x: 9, y: 9, n: 3, name: "Bea" });
  assert.equal(room.advance(40).get("bea").x, 9);
});

test("a player that joins is drawn from its first position on, so it does not leap there", () => {
  const { room, receive } = start();
  receive({ type: "join", id: "cem", x: 0, y: 0, n: 3, name: "Cem" });
  assert.equal(room.advance(20).has("cem"), false);
  receive({ type: "moves", t: 0, m: [[3, 900, 900, 0, 0, 0, 1, 1]] }, 40);
  assert.equal(room.advance(40).get("cem").x, 9);
});

test("the event of a player is shown in place of its status for two seconds", () => {
  const known = start();
  known.room.advance(0);
  known.room.noteEvent("bea", "wave", 0);
  const status = (now_ms) => (known.room.advance(now_ms), ships(known, () => false)[0].status);
  assert.deepEqual([status(1_999), status(2_000)], ["wave", "away"]);
});

test("the scene of a watcher has no own ship and no own row", () => {
  const known = { ...start(), own: new OwnShip() };
  known.receive({ ...WELCOME, your_id: "#c7", watch: true });
  known.room.advance(0);
  assert.deepEqual([ships(known, () => false).length, rows(known).length], [1, 1]);
  assert.equal(fieldLabel(known), "The lobby from above: 1 player, 0 moving. You are watching.");
});

test("the scene has all players, with the own one on top", () => {
  const known = start();
  known.room.advance(0);
  const all = ships(known, (id) => id === "bea");
  assert.deepEqual(all.map(({ id, name, is_me, is_marked }) => [id, name, is_me, is_marked]), [["bea", "Bea", false, true], ["ann", "Ann", true, false]]);
});

test("rows have distances, except the own one", () => {
  const known = start();
  known.room.advance(0);
  assert.deepEqual(rows(known).map(({ id, status, distance }) => [id, status, distance]), [["bea", "away", 5], ["ann", "", NaN]]);
  assert.equal(rows({ ...known, name: "" }).at(-1).name, "ann");
});

test("the field is described in words", () => {
  const known = start();
  assert.equal(fieldLabel(known), "The lobby from above: 2 players, 0 moving. You are at 0, 0.");
  fly(known);
  assert.equal(fieldLabel(known), "The lobby from above: 2 players, 1 moving. You are at 0, 0.");
});

test("before the welcome there are no players", () => {
  const known = { room: new Room(), own: new OwnShip(), name: "Ann" };
  assert.deepEqual([ships(known, () => false), rows(known)], [[], []]);
  assert.match(fieldLabel(known), /0 players/);
});

test("a snapshot has known and drawn positions", () => {
  const known = start();
  assert.equal(snapshot(known).players[0].drawn_x, null);
  known.room.advance(0);
  const { me, players } = snapshot(known);
  assert.deepEqual([me.id, me.name, me.x, me.seq], ["ann", "Ann", 0, 1]);
  assert.deepEqual(players, [{ id: "bea", name: "Bea", status: "away", data: {}, x: 3, y: 4, z: 0, drawn_x: 3, drawn_y: 4, drawn_z: 0, late_ms: null }]);
});

/** Opens the page while a bot flies, and returns where it is drawn in each frame of the first ten seconds, and how wrongly. */
function open(seed, { clock, opened_ms = 10_000 }) {
  const random = randomNumbers(seed);
  const path = flight(random, 21_000, { ever_idle: seed % 2 === 0 });
  const sent = delivered(sentByPolicy(path), random);
  const last = sent.findLast(({ arrival_ms }) => arrival_ms <= opened_ms);
  const t = (sent_ms) => (clock ? 1 + ((Math.round(sent_ms) + 7_000 * seed) % 65_536) : 0);
  const { x, y, vx, vy, h } = last;
  const bot = { id: "bot", n: 2, x, y, vx, vy, h, seq: 1, t: t(last.sent_ms), age: Math.round(opened_ms - last.arrival_ms) };
  const room = new Room();
  const receive = (message, now_ms) => room.apply(decode(JSON.stringify(message)), now_ms, false);
  receive({ type: "welcome", your_id: "ann", lobby_players: [bot], v: 2, n: 1, t: 1e12 + opened_ms }, opened_ms);
  const rest = sent.filter(({ arrival_ms }) => arrival_ms > opened_ms);
  const [frames, errors] = [[], []];
  let seq = 1;
  for (let ms = opened_ms; ms < opened_ms + 10_000; ms += 1000 / 60) {
    while (rest.length > 0 && rest[0].arrival_ms <= ms) {
      const { x, y, vx, vy, h, sent_ms, arrival_ms } = rest.shift();
      const entry = [2, ...[x, y, vx, vy, h].map((value) => Math.round(100 * value)), ++seq, t(sent_ms)];
      receive({ type: "moves", t: 1e12 + arrival_ms, m: [entry] }, arrival_ms);
    }
    const drawn = room.advance(ms).get("bot");
    frames.push(drawn);
    const true_at = path.at(ms - (drawn.late_ms || 0));
    errors.push(Math.hypot(drawn.x - true_at.x, drawn.y - true_at.y));
  }
  return { frames, errors };
}

for (const clock of [true, false]) {
  test(`ships do not hop when the page opens, ${clock ? "with" : "without"} the sender's clock`, () => {
    for (let seed = 0; seed < 24; seed++) {
      const { frames, errors } = open(seed, { clock });
      // Without its clock, a position that was late on the network is taken for a new one.
      assert.deepEqual(hops(frames, 1000 / 60).filter((length) => clock || length > 2), [], `flight ${seed}`);
      assert.ok(Math.max(...errors) < 3, `flight ${seed}: ${Math.max(...errors)} units`);
    }
  });
}
