import assert from "node:assert/strict";
import { test } from "node:test";

import { calm, fit, glide, gridStep, pan, toScreen, toWorld, withMargin, zoomAt } from "../../backend/lobby/viewer/camera.js";
import { randomNumbers } from "../javascript/helpers.js";

const SCREEN = { width: 1280, height: 800, top: 56, right: 280, bottom: 0, left: 280 };

test("to the screen and back is the same point", () => {
  const random = randomNumbers(1);
  for (let i = 0; i < 100; i++) {
    const camera = { x: 2000 * random() - 1000, y: 2000 * random() - 1000, scale: 0.01 + 50 * random() };
    const point = { x: 2000 * random() - 1000, y: 2000 * random() - 1000 };
    const back = toWorld(camera, SCREEN, toScreen(camera, SCREEN, point));
    assert.ok(Math.hypot(back.x - point.x, back.y - point.y) < 1e-6);
  }
});

test("a fit shows all players, and none of them under a panel", () => {
  const random = randomNumbers(2);
  for (let round = 0; round < 100; round++) {
    const reach = 10 ** (3 * random());
    const points = Array.from({ length: 1 + Math.floor(30 * random()) }, () => ({ x: reach * random(), y: reach * random() }));
    const camera = fit(points, SCREEN);
    for (const point of points) {
      const { x, y } = toScreen(camera, SCREEN, point);
      assert.ok(x > 300 && x < 980 && y > 76 && y < 780, `${x}, ${y}`);
    }
  }
  assert.equal(fit([], SCREEN), null);
});

test("one player far away does not shrink the others to a dot", () => {
  const points = Array.from({ length: 20 }, (_, i) => ({ x: i, y: i }));
  const near = fit(points, SCREEN);
  assert.ok(fit([...points, { x: 900_000, y: 900_000 }], SCREEN).scale > near.scale * 0.5);
  assert.ok(fit([{ x: 0, y: 0 }, { x: 900, y: 0 }], SCREEN).scale < 1, "with two players, both are shown");
});

test("a calm camera stays while all players are in the picture, and moves before one leaves it", () => {
  const box = [{ x: -20, y: -20 }, { x: 20, y: 20 }];
  const aim = withMargin(fit(box, SCREEN));
  assert.equal(calm(aim, fit(box, SCREEN), SCREEN), aim);
  assert.equal(calm(aim, fit([{ x: -19, y: -21 }, { x: 20.5, y: 20 }], SCREEN), SCREEN), aim);
  const out = calm(aim, fit([...box, { x: 40, y: 0 }], SCREEN), SCREEN);
  assert.ok(out.scale < aim.scale);
  assert.equal(calm(out, fit([...box, { x: 40, y: 0 }], SCREEN), SCREEN), out, "and then it stays again");
});

test("a zoom keeps the point under the pointer", () => {
  const camera = { x: 5, y: 6, scale: 10 };
  const pixel = { x: 400, y: 300 };
  const [before, after] = [camera, zoomAt(camera, SCREEN, pixel, 1.7)].map((one) => toWorld(one, SCREEN, pixel));
  assert.ok(Math.hypot(before.x - after.x, before.y - after.y) < 1e-9);
});

test("a drag moves the world, and a glide arrives", () => {
  assert.deepEqual(pan({ x: 0, y: 0, scale: 10 }, 20, -10), { x: -2, y: 1, scale: 10 });
  let camera = { x: 0, y: 0, scale: 1 };
  const aim = { x: 100, y: -50, scale: 20 };
  for (let frame = 0; frame < 600; frame++) camera = glide(camera, aim, 1 / 60, 0.3);
  assert.equal(camera, aim);
  assert.equal(glide({ x: 0, y: 0, scale: 1 }, aim, 1 / 60, 0), aim, "at once with less motion");
});

test("grid lines are 1, 2 or 5 times a power of ten apart and far enough", () => {
  for (let scale = 0.0001; scale < 100; scale *= 1.37) {
    const step = gridStep(scale, 90);
    assert.ok(step * scale >= 89.9 && step * scale < 250, `${step} at ${scale}`);
    assert.ok([1, 2, 5, 10].some((digit) => Math.abs(step / 10 ** Math.floor(Math.log10(step) + 1e-9) - digit) < 1e-6), `${step}`);
  }
});
