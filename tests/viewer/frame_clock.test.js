import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameClock } from "../../backend/lobby/viewer/frame_clock.js";

/** A clock with smooth frames from 0 ms to `until_ms`. */
function smooth(until_ms) {
  const clock = new FrameClock(0);
  for (let ms = 16; ms <= until_ms; ms += 16) clock.next(ms, ms);
  return clock;
}

test("the time between two frames is bounded", () => {
  const clock = new FrameClock(1_000);
  assert.equal(clock.next(1_016, 1_017), 0.016);
  assert.equal(clock.next(1_010, 1_018), 0, "a frame may be stamped before the last one");
  assert.equal(clock.next(9_000, 9_001), 0.5);
});

test("a page is busy while it loads, and not with smooth frames", () => {
  assert.equal(smooth(900).isBusy(900), true);
  assert.equal(smooth(2_000).isBusy(2_000), false);
});

test("a page is busy without frames, and for a moment after them", () => {
  const clock = smooth(2_000);
  assert.equal(clock.isBusy(2_300), true);
  clock.next(2_300, 2_300);
  assert.equal(clock.isBusy(2_310), true);
  for (let ms = 2_316; ms <= 2_700; ms += 16) clock.next(ms, ms);
  assert.equal(clock.isBusy(2_700), false);
});
