import assert from "node:assert/strict";
import { test } from "node:test";

import { calm, fit, glide, gridStep, pan, toScreen, toWorld, withRoom, zoomAt } from "../../backend/lobby/viewer/camera.js";
import { randomNumbers } from "./helpers.js";

const VIEW = { width: 1280, height: 800, top: 56, right: 280, bottom: 0, left: 280 };

test("to the screen and back is the same place", () => {
  const random = randomNumbers(1);
  for (let i = 0; i < 100; i++) {
    const camera = { x: 2000 * random() - 1000, y: 2000 * random() - 1000, scale: 0.01 + 50 * random() };
    const point = { x: 2000 * random() - 1000, y: 2000 * random() - 1000 };
    const back = toWorld(camera, VIEW, toScreen(camera, VIEW, point));
    assert.ok(Math.hypot(back.x - point.x, back.y - point.y) < 1e-6);
  }
});

test("a fit shows everybody, beside the panels and not under them", () => {
  const random = randomNumbers(2);
  for (let round = 0; round < 100; round++) {
    const reach = 10 ** (3 * random());
    const points = Array.from({ length: 1 + Math.floor(30 * random()) }, () => ({ x: reach * random(), y: reach * random() }));
    const camera = fit(points, VIEW);
    for (const point of points) {
      const { x, y } = toScreen(camera, VIEW, point);
      assert.ok(x > 300 && x < 980 && y > 76 && y < 780, `${x}, ${y}`);
    }
  }
  assert.equal(fit([], VIEW), null);
});

test("one far away does not make all others a dot", () => {
  const points = Array.from({ length: 20 }, (_, i) => ({ x: i, y: i }));
  const near = fit(points, VIEW);
  assert.ok(fit([...points, { x: 900_000, y: 900_000 }], VIEW).scale > near.scale * 0.5);
  assert.ok(fit([{ x: 0, y: 0 }, { x: 900, y: 0 }], VIEW).scale < 1, "but of two, both are shown");
});

test("a calm camera stays while all are in the picture, and goes before somebody leaves it", () => {
  const box = [{ x: -20, y: -20 }, { x: 20, y: 20 }];
  const aim = withRoom(fit(box, VIEW));
  assert.equal(calm(aim, fit(box, VIEW), VIEW), aim);
  assert.equal(calm(aim, fit([{ x: -19, y: -21 }, { x: 20.5, y: 20 }], VIEW), VIEW), aim);
  const out = calm(aim, fit([...box, { x: 40, y: 0 }], VIEW), VIEW);
  assert.ok(out.scale < aim.scale);
  assert.equal(calm(out, fit([...box, { x: 40, y: 0 }], VIEW), VIEW), out, "and is calm again");
});

test("the point under the pointer stays there while zooming", () => {
  const camera = { x: 5, y: 6, scale: 10 };
  const pixel = { x: 400, y: 300 };
  const [before, after] = [camera, zoomAt(camera, VIEW, pixel, 1.7)].map((one) => toWorld(one, VIEW, pixel));
  assert.ok(Math.hypot(before.x - after.x, before.y - after.y) < 1e-9);
});

test("a drag takes the world along, a glide arrives", () => {
  assert.deepEqual(pan({ x: 0, y: 0, scale: 10 }, 20, -10), { x: -2, y: 1, scale: 10 });
  let camera = { x: 0, y: 0, scale: 1 };
  const aim = { x: 100, y: -50, scale: 20 };
  for (let frame = 0; frame < 600; frame++) camera = glide(camera, aim, 1 / 60, 0.3);
  assert.equal(camera, aim);
  assert.equal(glide({ x: 0, y: 0, scale: 1 }, aim, 1 / 60, 0), aim, "at once for those who want less motion");
});

test("grid lines are 1, 2 or 5 times a power of ten apart and far enough", () => {
  for (let scale = 0.0001; scale < 100; scale *= 1.37) {
    const step = gridStep(scale, 90);
    assert.ok(step * scale >= 89.9 && step * scale < 250, `${step} at ${scale}`);
    assert.ok([1, 2, 5, 10].some((digit) => Math.abs(step / 10 ** Math.floor(Math.log10(step) + 1e-9) - digit) < 1e-6), `${step}`);
  }
});
