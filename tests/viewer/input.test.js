import assert from "node:assert/strict";
import { test } from "node:test";

import { Input } from "../../backend/lobby/viewer/input.js";

const mouse = (x, y) => ({ id: 1, x, y, is_mouse: true });
const finger = (id, x, y) => ({ id, x, y, is_mouse: false });
const REST = { x: 0, y: 0 };

test("steering keys hold the stick until they are released", () => {
  const input = new Input();
  assert.deepEqual([input.keyDown("KeyD"), input.keyDown("KeyX")], [true, false]);
  assert.deepEqual(input.stick, { x: 1, y: 0 });
  input.keyUp("KeyD");
  assert.deepEqual(input.stick, REST);
});

test("the mouse drags the world while it is held", () => {
  const input = new Input();
  assert.equal(input.pointerMove(mouse(5, 5)), null);
  input.pointerDown(mouse(10, 10));
  assert.deepEqual(input.pointerMove(mouse(13, 6)), { kind: "drag", dx: 3, dy: -4 });
  assert.equal(input.pointerMove(mouse(13, 6)), null, "it did not move");
  assert.deepEqual([input.is_held, input.drag_stick], [true, null]);
  input.pointerUp(1);
  assert.deepEqual([input.is_held, input.pointerMove(mouse(20, 20))], [false, null]);
});

test("one finger is a stick", () => {
  const input = new Input();
  input.pointerDown(finger(1, 100, 100));
  assert.equal(input.pointerMove(finger(1, 128, 100)), null);
  assert.deepEqual(input.drag_stick, { x: 100, y: 100, dx: 28, dy: 0 });
  assert.deepEqual(input.stick, { x: 0.5, y: 0 });
  input.pointerUp(1);
  assert.deepEqual([input.drag_stick, input.stick], [null, REST]);
});

test("two fingers move the world and zoom, and end the stick", () => {
  const input = new Input();
  input.pointerDown(finger(1, 150, 400));
  input.pointerDown(finger(2, 250, 400));
  assert.equal(input.drag_stick, null);
  const pinch = input.pointerMove(finger(2, 300, 400));
  assert.deepEqual(pinch, { kind: "pinch", dx: 25, dy: 0, factor: 1.5, middle: { x: 225, y: 400 } });
  assert.equal(input.pointerMove(finger(1, -9_999, 400)).factor, 3, "at most so much at once");
});

test("a third finger does nothing, and after two fingers the last one does not steer", () => {
  const input = new Input();
  for (const id of [1, 2, 3]) input.pointerDown(finger(id, 100 * id, 0));
  assert.equal(input.pointerMove(finger(3, 0, 0)), null);
  input.pointerUp(3);
  input.pointerUp(2);
  assert.equal(input.pointerMove(finger(1, 500, 0)), null);
  assert.deepEqual(input.stick, REST);
});

test("release lets go of keys and fingers", () => {
  const input = new Input();
  input.keyDown("KeyW");
  input.pointerDown(finger(1, 0, 0));
  input.release();
  assert.deepEqual([input.stick, input.drag_stick, input.is_held], [REST, null, false]);
});
