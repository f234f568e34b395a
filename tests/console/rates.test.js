import assert from "node:assert/strict";
import { test } from "node:test";

import { RoomRates } from "../../backend/lobby/console/rates.js";

const room = (name, messages, frames) => ({ room: name, traffic: { messages, frames } });

test("a rate is known from the second reading on, and follows the last seconds", () => {
  const rates = new RoomRates();
  rates.take([room("hub", 100, 1_000)], 0);
  assert.equal(rates.of("hub"), null);
  rates.take([room("hub", 110, 1_040)], 1_000);
  assert.deepEqual(rates.of("hub"), { in: 10, out: 40 });
  for (let second = 2; second <= 10; second++) rates.take([room("hub", 110, 1_040)], second * 1_000);
  assert.deepEqual(rates.of("hub"), { in: 0, out: 0 });
});

test("a room that was empty in the meantime begins anew", () => {
  const rates = new RoomRates();
  rates.take([room("hub", 100, 1_000)], 0);
  rates.take([room("hub", 5, 9)], 1_000);
  assert.equal(rates.of("hub"), null);
  rates.take([room("hub", 7, 10)], 2_000);
  assert.deepEqual(rates.of("hub"), { in: 2, out: 1 });
});

test("rooms of another page are forgotten, and rooms without counters have no rate", () => {
  const rates = new RoomRates();
  rates.take([room("hub", 1, 1)], 0);
  rates.take([{ room: "aws", traffic: null }], 1_000);
  rates.take([room("hub", 9, 9)], 2_000);
  assert.equal(rates.of("hub"), null);
  assert.equal(rates.of("aws"), null);
});
