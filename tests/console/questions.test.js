import assert from "node:assert/strict";
import { test } from "node:test";

import { Pages } from "../../backend/lobby/console/lists.js";
import { dataOf } from "../../backend/lobby/console/questions.js";

test("the data of a message is its text, or a JSON object, and not both", () => {
  assert.deepEqual(dataOf("Back at five", ""), { text: "Back at five" });
  assert.deepEqual(dataOf("", ' {"minutes": 5} '), { minutes: 5 });
  assert.deepEqual(dataOf("", ""), {});
  assert.throws(() => dataOf("a", '{"b": 1}'), /leave the other one empty/);
});

test("data that is no JSON object is refused with an example", () => {
  assert.throws(() => dataOf("", "{"), /no JSON.*minutes/);
  for (const json of ["null", "5", '"text"', "[1]"]) assert.throws(() => dataOf("", json), /is a JSON object/, json);
});

test("pages lead forward and back, and not beyond the ends", () => {
  const pages = new Pages();
  pages.back();
  pages.forward();
  assert.deepEqual([pages.after, pages.number, pages.has_next], ["", 1, false]);
  pages.take("room-49");
  pages.forward();
  assert.deepEqual([pages.after, pages.number, pages.has_next], ["room-49", 2, false]);
  pages.take("room-99");
  pages.forward();
  pages.back();
  assert.equal(pages.after, "room-49");
  pages.first();
  assert.deepEqual([pages.after, pages.number], ["", 1]);
});
