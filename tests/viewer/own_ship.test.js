import assert from "node:assert/strict";
import { test } from "node:test";

import { CLOCK_MODULUS_MS, SLOW_DOWN_MS } from "../../clients/javascript/client/constants.js";
import { OwnShip, spawn } from "../../backend/lobby/viewer/own_ship.js";

const UNKNOWN = { x: 0, y: 0, vx: 0, vy: 0, h: 0, seq: 0, t: 0, z: 0, vz: 0 };
const EAST = { x: 1, y: 0 };
const error = (code, place = null) => ({ type: "error", code, message: "", close: 0, place });

/** The position that is due, which counts as sent. */
function send(own, now_ms) {
  const position = own.due(now_ms, 100);
  if (position) own.sent(now_ms);
  return position;
}

test("before its first welcome a ship neither flies nor sends", () => {
  const own = new OwnShip();
  own.fly(EAST, 0.5);
  assert.deepEqual([own.is_moving, own.due(0, 100)], [false, null]);
});

test("a new player starts near the origin, the same player always at the same point, and sends it", () => {
  const own = new OwnShip();
  own.welcomed("ann", UNKNOWN);
  assert.deepEqual([own.ship.x, own.ship.y], [spawn("ann").x, spawn("ann").y]);
  for (let i = 0; i < 100; i++) assert.ok(Math.hypot(spawn(`p${i}`).x, spawn(`p${i}`).y) <= 6.01);
  assert.notDeepEqual(spawn("ann"), spawn("bea"));
  const position = send(own, 70_000);
  assert.deepEqual([position.x, position.seq, position.t], [own.ship.x, 1, 70_000 - CLOCK_MODULUS_MS]);
  assert.equal(send(own, 80_000), null);
});

test("a player that the lobby knows starts there, and its numbers go on", () => {
  const own = new OwnShip();
  own.welcomed("ann", { ...UNKNOWN, x: 3, y: 4, seq: 9 });
  assert.deepEqual([own.ship.x, own.ship.y, send(own, 0).seq], [3, 4, 10]);
});

test("a later welcome does not move the ship; the position is sent if the lobby has another one", () => {
  const own = new OwnShip();
  own.welcomed("ann", { ...UNKNOWN, x: 3, y: 4, seq: 9 });
  send(own, 0);
  own.disconnected();
  own.welcomed("ann", { ...UNKNOWN, x: 3, y: 4, seq: 10 });
  assert.equal(send(own, 1_000), null, "the lobby has the same position");
  own.disconnected();
  own.welcomed("ann", UNKNOWN);
  assert.deepEqual([own.ship.x, send(own, 2_000).seq], [3, 11]);
});

test("a position that was not sent stays due", () => {
  const own = new OwnShip();
  own.welcomed("ann", UNKNOWN);
  assert.deepEqual(own.due(0, 100), own.due(0, 100));
});

test("a refused ship goes where the lobby has it, and sends nothing there", () => {
  const own = new OwnShip();
  own.welcomed("ann", UNKNOWN);
  send(own, 0);
  own.fly(EAST, 0.5);
  own.refused(error("too_fast", { x: 7, y: 8 }), 500);
  assert.deepEqual([own.ship.x, own.ship.y, own.is_moving, send(own, 5_000)], [7, 8, false, null]);
});

test("after rate_limited the position is sent again, after a pause", () => {
  const own = new OwnShip();
  own.welcomed("ann", UNKNOWN);
  send(own, 0);
  own.refused(error("rate_limited"), 100);
  assert.equal(send(own, 99 + SLOW_DOWN_MS), null);
  assert.notEqual(send(own, 100 + SLOW_DOWN_MS), null);
});

test("a ship that is stopped is at rest at once and sends it", () => {
  const own = new OwnShip();
  own.welcomed("ann", UNKNOWN);
  send(own, 0);
  own.fly(EAST, 0.5);
  own.stop();
  const position = send(own, 1);
  assert.deepEqual([own.is_moving, position.vx, position.x], [false, 0, own.ship.x]);
  own.stop();
  assert.equal(send(own, 2), null);
});

test("in another room the ship starts anew", () => {
  const own = new OwnShip();
  own.welcomed("ann", { ...UNKNOWN, x: 3, y: 4, seq: 9 });
  own.leaveRoom();
  assert.equal(own.due(0, 100), null);
  own.welcomed("ann", UNKNOWN);
  assert.deepEqual([own.ship.x, send(own, 0).seq], [spawn("ann").x, 1]);
});

test("a status fits one line", () => {
  const own = new OwnShip();
  own.setStatus(` selling\u202e ore ${"x".repeat(50)}`);
  assert.equal(own.status, `selling  ore ${"x".repeat(19)}`);
});
