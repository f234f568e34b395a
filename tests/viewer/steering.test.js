import assert from "node:assert/strict";
import { test } from "node:test";

import { OFF_UNITS, SILENCE_MS, TOP_SPEED, flies, fly, moored, stickFromDrag, stickFromKeys, worthSaying } from "../../backend/lobby/viewer/steering.js";
import { randomNumbers } from "./helpers.js";

const EAST = { x: 1, y: 0 };
const NONE = { x: 0, y: 0 };

test("a ship reaches its top speed, never more, and stops exactly", () => {
  let ship = moored();
  const random = randomNumbers(1);
  for (let frame = 0; frame < 600; frame++) {
    ship = fly(ship, { x: 2 * random() - 1, y: 2 * random() - 1 }, random() / 30);
    assert.ok(Math.hypot(ship.vx, ship.vy) <= TOP_SPEED + 1e-9);
  }
  for (let frame = 0; frame < 300; frame++) ship = fly(ship, EAST, 1 / 60);
  assert.ok(Math.abs(ship.vx - TOP_SPEED) < 0.01 && Math.abs(ship.vy) < 0.01);
  for (let frame = 0; frame < 120; frame++) ship = fly(ship, NONE, 1 / 60);
  assert.equal(flies(ship), false);
  assert.equal(fly(ship, NONE, 1), ship, "and then it is the same ship");
});

test("the path does not depend on how fast the screen is", () => {
  const ends = [30, 60, 144].map((fps) => {
    let ship = moored();
    for (let frame = 0; frame < fps * 2; frame++) ship = fly(ship, EAST, 1 / fps);
    return ship.x;
  });
  assert.ok(Math.max(...ends) - Math.min(...ends) < 0.3, `${ends}`);
});

test("a ship turns round before it flies back", () => {
  let ship = { ...moored(0, 0, 0), vx: TOP_SPEED };
  ship = fly(ship, { x: -1, y: 0 }, 0.1);
  assert.ok(ship.vx > 0 && Math.abs(ship.h) > 0.3 && Math.abs(ship.h) < 0.5);
});

test("a page that slept does not leap", () => {
  assert.ok(fly({ ...moored(0, 0, 0), vx: TOP_SPEED }, EAST, 3600).x < 7);
});

/** A flight by random keys; what the others know of it, guessed from what was said. */
function journey(seed, send_ms) {
  const random = randomNumbers(seed);
  let ship = moored();
  let said = { ...ship, at_ms: 0 };
  let stick = NONE;
  const words = [];
  let worst = 0;
  for (let now_ms = 0; now_ms < 30_000; now_ms += 1000 / 60) {
    if (random() < 0.02) stick = stickFromKeys([["KeyW"], ["KeyW", "KeyD"], ["KeyA"], [], ["ArrowDown"]][Math.floor(random() * 5)]);
    if (now_ms > 27_000) stick = NONE;
    ship = fly(ship, stick, 1 / 60);
    if (worthSaying(ship, said, now_ms, send_ms)) {
      words.push({ ...ship, at_ms: now_ms, gap_ms: now_ms - said.at_ms });
      said = { ...ship, at_ms: now_ms };
    }
    const seconds = (now_ms - said.at_ms) / 1000;
    if (seconds * 1000 > send_ms) worst = Math.max(worst, Math.hypot(said.x + said.vx * seconds - ship.x, said.y + said.vy * seconds - ship.y));
  }
  return { ship, words, worst };
}

test("the lobby is never told faster than it wishes, and the others are never far off", () => {
  for (let seed = 1; seed < 20; seed++) {
    for (const send_ms of [100, 200]) {
      const { words, worst } = journey(seed, send_ms);
      assert.ok(words.length > 5);
      assert.ok(Math.min(...words.map(({ gap_ms }) => gap_ms)) >= send_ms);
      assert.ok(worst <= OFF_UNITS + 1e-9, `seed ${seed}: ${worst}`);
    }
  }
});

test("the last word is where the ship rests, exactly, and then there is silence", () => {
  for (let seed = 1; seed < 20; seed++) {
    const { ship, words } = journey(seed, 100);
    const last = words.at(-1);
    assert.deepEqual([last.x, last.y, last.vx, last.vy], [ship.x, ship.y, 0, 0]);
    assert.ok(last.at_ms < 29_000);
  }
});

test("straight on costs few words", () => {
  let ship = { ...moored(0, 0, 0), vx: TOP_SPEED };
  let said = { ...ship, at_ms: 0 };
  let words = 0;
  for (let now_ms = 0; now_ms < 10_000; now_ms += 1000 / 60) {
    ship = fly(ship, EAST, 1 / 60);
    if (worthSaying(ship, said, now_ms, 100)) {
      words += 1;
      said = { ...ship, at_ms: now_ms };
    }
  }
  assert.ok(words <= Math.ceil(10_000 / SILENCE_MS) + 1, `${words}`);
});

test("nobody hears of a ship that never moved", () => {
  assert.equal(worthSaying(moored(), null, 1e6, 100), false);
});

test("keys and fingers give a stick no longer than one", () => {
  assert.deepEqual(stickFromKeys(["KeyW", "KeyS"]), NONE);
  assert.ok(Math.abs(Math.hypot(...Object.values(stickFromKeys(["KeyW", "ArrowRight"]))) - 1) < 1e-9);
  assert.deepEqual(stickFromDrag(3, 3), NONE, "a tap is no stick");
  assert.deepEqual(stickFromDrag(500, 0), EAST);
  assert.deepEqual(stickFromDrag(28, 0), { x: 0.5, y: 0 });
});
