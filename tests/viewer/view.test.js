import assert from "node:assert/strict";
import { test } from "node:test";

import { toScreen, toWorld } from "../../backend/lobby/viewer/camera.js";
import { View } from "../../backend/lobby/viewer/view.js";

const SCREEN = { width: 1280, height: 800, top: 56, right: 280, bottom: 0, left: 280 };
const player = (id, x, y, vx = 0) => ({ id, x, y, vx, vy: 0 });

function viewOf(...players) {
  const view = new View();
  view.screen = SCREEN;
  view.advance(1 / 60, players, false);
  return view;
}

function advance(view, players, seconds = 5) {
  for (let frame = 0; frame < 60 * seconds; frame++) view.advance(1 / 60, players, false);
}

test("the first picture shows all players at once", () => {
  const players = [player("a", -50, 0), player("b", 50, 20)];
  const view = viewOf(...players);
  for (const { x } of players.map((at) => toScreen(view.camera, SCREEN, at))) assert.ok(x > 280 && x < 1_000, `${x}`);
});

test("an empty room leaves the camera where it is", () => {
  const view = new View();
  view.screen = SCREEN;
  const before = view.camera;
  advance(view, [], 1);
  assert.equal(view.camera, before);
});

test("the camera moves before a player leaves the picture", () => {
  const view = viewOf(player("a", -20, 0), player("b", 20, 0));
  const before = view.camera;
  advance(view, [player("a", -20, 0), player("b", 25, 0, 12)]);
  assert.ok(view.camera.scale < before.scale);
  assert.ok(toScreen(view.camera, SCREEN, { x: 30, y: 0 }).x < 1_000);
});

test("the camera follows a player until it leaves, then it shows all", () => {
  const view = viewOf(player("a", 0, 0));
  view.toggleFollow("b");
  advance(view, [player("a", 0, 0), player("b", 500, -300)]);
  assert.deepEqual([view.mode, view.followed], ["follow", "b"]);
  assert.ok(Math.hypot(view.camera.x - 500, view.camera.y + 300) < 0.1);
  advance(view, [player("a", 0, 0)]);
  assert.deepEqual([view.mode, view.followed], ["fit", ""]);
  assert.ok(Math.abs(view.camera.x) < 1);
});

test("following the same player again ends it", () => {
  const view = viewOf(player("a", 0, 0));
  view.toggleFollow("a");
  view.toggleFollow("a");
  assert.deepEqual([view.mode, view.followed], ["fit", ""]);
});

test("a drag frees the camera", () => {
  const view = viewOf(player("a", 0, 0));
  const { x, scale } = view.camera;
  view.dragBy(100, 0);
  assert.equal(view.mode, "free");
  const { camera } = view;
  assert.equal(camera.x, x - 100 / scale);
  advance(view, [player("a", 300, 0)], 1);
  assert.equal(view.camera, camera, "and it stays there");
});

test("a zoom keeps the pixel, and frees the camera unless it follows a player", () => {
  const view = viewOf(player("a", 0, 0));
  const pixel = { x: 400, y: 300 };
  const before = toWorld(view.camera, SCREEN, pixel);
  view.zoomBy(1.5, pixel);
  const after = toWorld(view.camera, SCREEN, pixel);
  assert.ok(Math.hypot(after.x - before.x, after.y - before.y) < 1e-9);
  assert.equal(view.mode, "free");
  view.toggleFollow("a");
  view.zoomBy(0.5);
  const { scale } = view.camera;
  advance(view, [player("a", 0, 0)]);
  assert.equal(view.mode, "follow");
  assert.ok(Math.abs(view.camera.scale / scale - 1) < 1e-3);
});

test("a pinch moves and zooms", () => {
  const view = viewOf(player("a", 0, 0));
  const { scale } = view.camera;
  view.pinch({ kind: "pinch", dx: 10, dy: 0, factor: 2, middle: { x: 640, y: 428 } });
  assert.deepEqual([view.mode, view.camera.scale], ["free", 2 * scale]);
});

test("with less motion the camera jumps", () => {
  const view = viewOf(player("a", 0, 0));
  view.toggleFollow("b");
  view.advance(1 / 60, [player("b", 500, 0)], true);
  assert.equal(view.camera.x, 500);
});

test("in another room the first picture is shown at once again", () => {
  const view = viewOf(player("a", 0, 0));
  view.toggleFollow("a");
  view.reset();
  view.advance(1 / 60, [player("c", 900, 0)], false);
  assert.deepEqual([view.mode, view.camera.x], ["fit", 900]);
});
