import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../clients/javascript/client/backoff.js";
import { BACKOFF_LONGEST_MS, BACKOFF_STEADY_MS } from "../../clients/javascript/client/constants.js";
import { randomNumbers } from "./helpers.js";

test("the longest pause doubles with each retry, up to BACKOFF_LONGEST_MS", () => {
  const backoff = new Backoff();
  const pauses = Array.from({ length: 8 }, () => backoff.pause(0, 1));
  assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, BACKOFF_LONGEST_MS, BACKOFF_LONGEST_MS]);
  for (let tries = 0; tries < 2_000; tries++) assert.equal(backoff.pause(0, 1), BACKOFF_LONGEST_MS);
  assert.equal(backoff.pause(0, 0.25), BACKOFF_LONGEST_MS / 4);
});

test("a steady connection and reset make the next pause short again", () => {
  const backoff = new Backoff();
  backoff.pause(0, 1);
  assert.equal(backoff.pause(BACKOFF_STEADY_MS - 1, 1), 1_000);
  assert.equal(backoff.pause(BACKOFF_STEADY_MS, 1), 500);
  backoff.reset();
  assert.equal(backoff.pause(0, 1), 500);
});

test("a thousand clients retry spread over the whole pause", () => {
  const random = randomNumbers(2);
  const pauses = Array.from({ length: 1_000 }, () => {
    const backoff = new Backoff();
    for (let tries = 0; tries < 10; tries++) backoff.pause(0, 0);
    return backoff.pause(0, random());
  });
  for (let third = 0; third < 3; third++) {
    const isWithin = (pause) => pause >= (third * BACKOFF_LONGEST_MS) / 3 && pause < ((third + 1) * BACKOFF_LONGEST_MS) / 3;
    assert.ok(pauses.filter(isWithin).length > 250, `third ${third}`);
  }
});
