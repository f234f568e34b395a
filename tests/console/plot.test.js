import assert from "node:assert/strict";
import { test } from "node:test";

import { HEIGHT, WIDTH, dollars, joined, lasting, money, shape, short, span, top } from "../../backend/lobby/console/plot.js";

const point = (at_ms, players, dollars_per_hour = 0) => ({ at_ms, players, aws_dollars_per_hour: dollars_per_hour });
const players = ({ players }) => players;

test("a plot shows the time from its oldest point to its newest, and at least a minute", () => {
  assert.deepEqual(span([point(100_000, 1), point(400_000, 1)]), { from_ms: 100_000, to_ms: 400_000 });
  assert.deepEqual(span([point(100_000, 1)]), { from_ms: 40_000, to_ms: 100_000 });
});

test("the upper edge is a round number that no value exceeds", () => {
  assert.equal(top([3, null, 7], 5), 8);
  assert.equal(top([10], 5), 10);
  assert.equal(top([10.1], 5), 15);
  assert.equal(top([0.0031], 0.002), 0.004);
  assert.equal(top([], 5), 5);
});

test("the oldest point is at the left edge, the newest at the right one, and the largest value near the top", () => {
  const { line, area } = shape([point(0, 0), point(30_000, 5), point(60_000, 10)], players, 10, 30);
  assert.equal(line, `M0.0 ${HEIGHT}.0L150.0 41.0L${WIDTH}.0 2.0`);
  assert.equal(area, `M0.0 ${HEIGHT}L0.0 ${HEIGHT}.0L150.0 41.0L${WIDTH}.0 2.0L${WIDTH}.0 ${HEIGHT}Z`);
});

test("a pause, and values that are not known, are a gap", () => {
  const points = [point(0, 1), point(10_000, 1), point(20_000, null), point(30_000, null), point(40_000, 1), point(50_000, 1), point(120_000, 1)];
  assert.equal(shape(points, players, 10, 10).line.split("M").length - 1, 3);
  assert.equal(shape(points.slice(0, 2), players, 10, 10).line.split("M").length - 1, 1);
  assert.equal(shape([], players, 10, 10).line, "");
});

test("new points are added once, and those older than an hour are left out", () => {
  const old = [point(0, 1), point(10_000, 2)];
  const all = joined(old, [point(10_000, 2), point(20_000, 3)]);
  assert.deepEqual(all.map(({ at_ms }) => at_ms), [0, 10_000, 20_000]);
  assert.deepEqual(joined(old, [point(3_610_000, 3)]).map(({ at_ms }) => at_ms), [10_000, 3_610_000]);
});

test("the price of a time is the sum over its points", () => {
  const points = Array.from({ length: 180 }, (_, index) => point(index * 10_000, 1, 2));
  assert.ok(Math.abs(dollars(points, 10) - 1) < 1e-9, "half an hour at two dollars an hour");
});

test("figures are short", () => {
  assert.deepEqual([0, 0.04, 3.14, 12.6, 784, 1_000, 12_345, 2_500_000].map(short), ["0", "0", "3.1", "13", "784", "1,000", "12.3 k", "2.5 M"]);
  assert.deepEqual([0, 0.0000001, 0.0221, 0.5, 2.857, 1234.5].map(money), ["$0", "< $0.00001", "$0.022", "$0.50", "$2.86", "$1,234.50"]);
  assert.deepEqual([5, 65, 3_700, 90_000].map(lasting), ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
});
