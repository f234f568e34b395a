import assert from "node:assert/strict";
import { test } from "node:test";

import { place } from "../../backend/lobby/viewer/labels.js";
import { randomNumbers } from "../javascript/helpers.js";

const SCREEN = { width: 1000, height: 600 };
const box = (id, x, y, rank = 3, ship = id) => ({ id, ship, x, y, width: 80, height: 18, rank });
const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test("no name covers another one, however many there are", () => {
  const random = randomNumbers(1);
  const boxes = Array.from({ length: 300 }, (_, i) => box(`p${i}`, 1100 * random() - 50, 700 * random() - 50));
  const placed = place(boxes, new Set(), SCREEN);
  const shown = boxes.filter(({ id }) => placed.has(id));
  assert.ok(shown.length > 60);
  shown.forEach((a, i) => shown.slice(i + 1).forEach((b) => assert.ok(!overlap(a, b))));
});

test("the more important name wins, and a name that is shown stays", () => {
  assert.deepEqual([...place([box("b", 0, 0), box("a", 5, 5, 0)], new Set(), SCREEN)], ["a"]);
  assert.deepEqual([...place([box("a", 5, 5), box("b", 0, 0)], new Set(["b"]), SCREEN)], ["b"]);
});

test("a name needs more room to appear than to stay", () => {
  const boxes = [box("a", 0, 0), box("b", 82, 0)];
  assert.deepEqual([...place(boxes, new Set(["a", "b"]), SCREEN)].sort(), ["a", "b"]);
  assert.deepEqual([...place(boxes, new Set(["a"]), SCREEN)], ["a"]);
});

test("a name covers no ship but its own, and the own player's name is always written", () => {
  const hull = { ...box("s", 40, 5), width: 10, height: 10 };
  assert.equal(place([box("n", 0, 0, 3, "other")], new Set(), SCREEN, [hull]).size, 0);
  assert.equal(place([box("n", 0, 0, 3, "s")], new Set(), SCREEN, [hull]).size, 1);
  assert.equal(place([box("n", 0, 0, 0, "other")], new Set(), SCREEN, [hull]).size, 1);
});

test("a name outside the screen is not written", () => {
  assert.equal(place([box("a", -200, 0), box("b", 0, 601)], new Set(), SCREEN).size, 0);
});
