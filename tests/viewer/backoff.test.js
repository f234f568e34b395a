import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE_MS, CAP_MS, mayComeBack, pauseBefore } from "../../backend/lobby/viewer/backoff.js";
import { randomNumbers } from "./helpers.js";

test("a pause is anything from nothing to a bound that doubles with every try, up to half a minute", () => {
  const random = randomNumbers(1);
  for (let tries = 0; tries < 2000; tries++) {
    const bound = Math.min(CAP_MS, BASE_MS * 2 ** tries);
    const pause = pauseBefore(tries, random());
    assert.ok(pause >= 0 && pause < bound, `${pause} of ${bound}`);
    assert.equal(pauseBefore(tries, 0), 0);
  }
});

test("a thousand clients come back spread over the whole pause", () => {
  const random = randomNumbers(2);
  const pauses = Array.from({ length: 1000 }, () => pauseBefore(10, random()));
  for (let third = 0; third < 3; third++) {
    const within = pauses.filter((pause) => pause >= (third * CAP_MS) / 3 && pause < ((third + 1) * CAP_MS) / 3);
    assert.ok(within.length > 250, `${within.length} in third ${third}`);
  }
});

test("close codes say whether to come back", () => {
  for (const code of [1000, 1001, 1006, 1011, 4000, 4499, 3999, 5000]) assert.equal(mayComeBack(code), true, `${code}`);
  for (const code of [4500, 4501, 4999]) assert.equal(mayComeBack(code), false, `${code}`);
});
