import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST_MS, SendPolicy, TOLERANCE_UNITS } from "../../clients/javascript/client/send_policy.js";
import { TOP_SPEED, fly, shipAt, stickFromKeys } from "../../backend/lobby/viewer/steering.js";
import { randomNumbers } from "./helpers.js";

const EAST = { x: 1, y: 0 };
const NONE = { x: 0, y: 0 };

/** Flies by random keys, and comes to rest. Returns what was sent, and the largest error of the prediction. */
function journey(seed, send_ms) {
  const random = randomNumbers(seed);
  const policy = new SendPolicy();
  let ship = shipAt();
  let sent = { ...ship, at_ms: 0 };
  let stick = NONE;
  const all = [];
  let worst = 0;
  policy.sent(ship, 0);
  for (let now_ms = 0; now_ms < 30_000; now_ms += 1000 / 60) {
    if (random() < 0.02) stick = stickFromKeys([["KeyW"], ["KeyW", "KeyD"], ["KeyA"], [], ["ArrowDown"]][Math.floor(random() * 5)]);
    if (now_ms > 27_000) stick = NONE;
    ship = fly(ship, stick, 1 / 60);
    if (policy.due(ship, now_ms, send_ms)) {
      all.push({ ...ship, at_ms: now_ms, gap_ms: now_ms - sent.at_ms });
      sent = { ...ship, at_ms: now_ms };
      policy.sent(ship, now_ms);
    }
    const seconds = (now_ms - sent.at_ms) / 1000;
    if (seconds * 1000 > send_ms) worst = Math.max(worst, Math.hypot(sent.x + sent.vx * seconds - ship.x, sent.y + sent.vy * seconds - ship.y));
  }
  return { ship, all, worst };
}

test("positions are at least send_ms apart, and the prediction is never wrong by more than the tolerance", () => {
  for (let seed = 1; seed < 20; seed++) {
    for (const send_ms of [100, 200]) {
      const { all, worst } = journey(seed, send_ms);
      assert.ok(all.length > 5);
      assert.ok(Math.min(...all.map(({ gap_ms }) => gap_ms)) >= send_ms);
      assert.ok(worst <= TOLERANCE_UNITS + 1e-9, `seed ${seed}: ${worst}`);
    }
  }
});

test("the last position is exactly where the ship rests, and then none follows", () => {
  for (let seed = 1; seed < 20; seed++) {
    const { ship, all } = journey(seed, 100);
    const last = all.at(-1);
    assert.deepEqual([last.x, last.y, last.vx, last.vy], [ship.x, ship.y, 0, 0]);
    assert.ok(last.at_ms < 29_000);
  }
});

test("a straight flight needs few positions", () => {
  const policy = new SendPolicy();
  let ship = { ...shipAt(0, 0, 0), vx: TOP_SPEED };
  let count = 0;
  policy.sent(ship, 0);
  for (let now_ms = 0; now_ms < 10_000; now_ms += 1000 / 60) {
    ship = fly(ship, EAST, 1 / 60);
    if (!policy.due(ship, now_ms, 100)) continue;
    count += 1;
    policy.sent(ship, now_ms);
  }
  assert.ok(count <= Math.ceil(10_000 / LONGEST_MS) + 1, `${count}`);
});

test("a ship that never moved sends nothing, unless it is requested", () => {
  const policy = new SendPolicy();
  assert.equal(policy.due(shipAt(), 1e6, 100), false);
  policy.request();
  assert.equal(policy.due(shipAt(), 1e6, 100), true);
  policy.sent(shipAt(), 1e6);
  assert.equal(policy.due(shipAt(), 2e6, 100), false);
});

test("a request may have to wait", () => {
  const policy = new SendPolicy();
  policy.request(500);
  policy.request();
  assert.deepEqual([499, 500].map((now_ms) => policy.due(shipAt(), now_ms, 100)), [false, true]);
});

test("after a disconnect only a ship that moves sends its position", () => {
  const policy = new SendPolicy();
  policy.request();
  policy.forget();
  assert.equal(policy.due(shipAt(), 1e6, 100), false);
  assert.equal(policy.due({ ...shipAt(), vx: 1 }, 1e6, 100), true);
});
