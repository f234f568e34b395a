import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { oneLine } from "../../clients/javascript/client/text.js";

const { ranges } = JSON.parse(readFileSync(new URL("../unsafe_characters.json", import.meta.url), "utf8"));
const isUnsafe = (point) => ranges.some(([first, last]) => point >= first && point <= last);

test("each unsafe character becomes a space, and all others stay", () => {
  for (let point = 0; point <= 0xffff; point++) {
    const character = String.fromCodePoint(point);
    const expected = isUnsafe(point) ? "a b" : `a${character}b`;
    assert.equal(oneLine(`a${character}b`), expected, `U+${point.toString(16)}`);
  }
});

test("a text is trimmed and cut off by characters, not by halves of them", () => {
  assert.equal(oneLine("  Ada \n\t\u0007"), "Ada");
  assert.equal(oneLine("\u202eevil\u2066"), "evil");
  assert.equal(oneLine("x".repeat(40)), "x".repeat(32));
  assert.equal(oneLine("🚀".repeat(40)), "🚀".repeat(32));
  assert.equal(oneLine("x".repeat(300), 200), "x".repeat(200));
});

test("a value that is no text becomes an empty text", () => {
  for (const value of [undefined, null, 5, {}]) assert.equal(oneLine(value), "");
});
