import assert from "node:assert/strict";
import { test } from "node:test";

import { SECONDS_KEPT, Traffic } from "../../backend/lobby/viewer/traffic.js";

test("rates are per second over the last whole seconds", () => {
  const traffic = new Traffic();
  for (let ms = 0; ms < 10_000; ms += 50) {
    traffic.count("in", 100, ms);
    if (ms % 250 === 0) traffic.count("out", 40, ms);
  }
  const rates = traffic.rates(10_000);
  assert.deepEqual([rates.in, rates.out, rates.in_bytes, rates.out_bytes], [20, 4, 2000, 160]);
  assert.equal(traffic.rates(60_000).in, 0, "and old messages are forgotten");
});

test("the first seconds are not averaged with the time before them", () => {
  const traffic = new Traffic();
  for (let ms = 50_000; ms < 52_000; ms += 100) traffic.count("in", 1, ms);
  assert.equal(traffic.rates(52_000).in, 10);
});

test("AWS bills a dollar per million messages, in both directions, and a large message once for each 32 KB", () => {
  const traffic = new Traffic();
  for (let ms = 0; ms < 5_000; ms += 100) traffic.count(ms % 200 ? "in" : "out", 32 * 1024, ms);
  assert.ok(Math.abs(traffic.rates(5_000).aws_dollars_per_hour - (10 * 3600) / 1e6) < 1e-12);
  const large = new Traffic();
  for (let ms = 0; ms < 5_000; ms += 1_000) large.count("in", 32 * 1024 + 1, ms);
  assert.equal(large.rates(5_000).billed, 2);
});

test("the sparkline has one minute, oldest second first", () => {
  const traffic = new Traffic();
  for (let second = 0; second < 100; second++) for (let i = 0; i < second; i++) traffic.count("in", 1, second * 1000);
  const history = traffic.history(100_000);
  assert.equal(history.length, SECONDS_KEPT);
  assert.deepEqual([history[0], history.at(-1)], [40, 99]);
});
