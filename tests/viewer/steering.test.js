import assert from "node:assert/strict";
import { test } from "node:test";

import { isMoving } from "../../clients/javascript/client/motion.js";
import { TOP_SPEED, fly, shipAt, stickFromDrag, stickFromKeys } from "../../backend/lobby/viewer/steering.js";
import { randomNumbers } from "../javascript/helpers.js";

const EAST = { x: 1, y: 0 };
const NONE = { x: 0, y: 0 };

test("a ship reaches its top speed, never more, and stops exactly", () => {
  let ship = shipAt();
  const random = randomNumbers(1);
  for (let frame = 0; frame < 600; frame++) {
    ship = fly(ship, { x: 2 * random() - 1, y: 2 * random() - 1 }, random() / 30);
    assert.ok(Math.hypot(ship.vx, ship.vy) <= TOP_SPEED + 1e-9);
  }
  for (let frame = 0; frame < 300; frame++) ship = fly(ship, EAST, 1 / 60);
  assert.ok(Math.abs(ship.vx - TOP_SPEED) < 0.01 && Math.abs(ship.vy) < 0.01);
  for (let frame = 0; frame < 120; frame++) ship = fly(ship, NONE, 1 / 60);
  assert.equal(isMoving(ship), false);
  assert.equal(fly(ship, NONE, 1), ship, "and then it is the same ship");
});

test("the movement does not depend on the frame rate", () => {
  const ends = [30, 60, 144].map((fps) => {
    let ship = shipAt();
    for (let frame = 0; frame < fps * 2; frame++) ship = fly(ship, EAST, 1 / fps);
    return ship.x;
  });
  assert.ok(Math.max(...ends) - Math.min(...ends) < 0.3, `${ends}`);
});

test("a ship turns before it flies back", () => {
  let ship = { ...shipAt(0, 0, 0), vx: TOP_SPEED };
  ship = fly(ship, { x: -1, y: 0 }, 0.1);
  assert.ok(ship.vx > 0 && Math.abs(ship.h) > 0.3 && Math.abs(ship.h) < 0.5);
});

test("after a page slept, its ship does not jump", () => {
  assert.ok(fly({ ...shipAt(0, 0, 0), vx: TOP_SPEED }, EAST, 3600).x < 7);
});

test("the stick of keys and fingers is at most 1 long", () => {
  assert.deepEqual(stickFromKeys(["KeyW", "KeyS"]), NONE);
  assert.ok(Math.abs(Math.hypot(...Object.values(stickFromKeys(["KeyW", "ArrowRight"]))) - 1) < 1e-9);
  assert.deepEqual(stickFromDrag(3, 3), NONE, "a tap is no stick");
  assert.deepEqual(stickFromDrag(500, 0), EAST);
  assert.deepEqual(stickFromDrag(28, 0), { x: 0.5, y: 0 });
});
