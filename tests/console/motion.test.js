import assert from "node:assert/strict";
import { test } from "node:test";

import { Motion } from "../../backend/lobby/console/motion.js";

const at = (x, vx = 0) => ({ x, y: 0, z: 0, vx, vy: 0, vz: 0, h: 0 });
const player = (id, position) => ({ id, position });
const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 0.01, `${value} is not ${wanted}`);

test("a player moves on with its velocity for a bounded time", () => {
  const motion = new Motion();
  motion.take([player("ann", at(10, 4))], 0);
  near(motion.at(500).get("ann").x, 12);
  near(motion.at(1_500).get("ann").x, 16);
  near(motion.at(60_000).get("ann").x, 16);
  assert.equal(motion.at(500).get("ann").is_still, false);
  assert.equal(motion.at(60_000).get("ann").is_still, true);
});

test("a correction moves no player at once, and is complete after a second", () => {
  const motion = new Motion();
  motion.take([player("ann", at(0, 4))], 0);
  motion.take([player("ann", at(3))], 1_000);
  near(motion.at(1_000).get("ann").x, 4);
  near(motion.at(3_000).get("ann").x, 3);
  assert.equal(motion.at(1_100).get("ann").is_still, false);
  assert.equal(motion.at(4_000).get("ann").is_still, true);
});

test("players without a position and players that left are not drawn", () => {
  const motion = new Motion();
  motion.take([player("ann", at(1)), player("bea", null)], 0);
  assert.deepEqual([...motion.at(0).keys()], ["ann"]);
  motion.take([], 1_000);
  assert.equal(motion.at(1_000).size, 0);
  motion.take([player("ann", at(50))], 2_000);
  near(motion.at(2_000).get("ann").x, 50);
});
