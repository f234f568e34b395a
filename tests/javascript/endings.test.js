import assert from "node:assert/strict";
import { test } from "node:test";

import { codeOf, ends, isFinal, isOwn, meaning } from "../../clients/javascript/client/endings.js";
import { CLOSES, CODES } from "../../clients/javascript/client/errors.js";

test("the table of errors decides whether the client comes back", () => {
  for (const [code, { close, retry, meaning: text }] of Object.entries(CODES)) {
    assert.equal(isFinal(code, close), !retry, code);
    assert.equal(isFinal(code, 1006), !retry, code);
    assert.equal(ends(code), true, code);
    assert.equal(codeOf(close), isOwn(close) ? code : "", code);
    assert.equal(meaning(code, close), text);
  }
});

test("the client comes back after other close codes, and each has a meaning", () => {
  for (const close of [...Object.keys(CLOSES).map(Number), 1005, 3000, 3999, 5000]) assert.equal(isFinal("", close), false, `${close}`);
  assert.equal(meaning("", 1006), "the connection broke off");
  assert.equal(meaning("bad_json", 3000), "the connection was closed with 3000");
});

test("a name of an object's own properties is no error", () => {
  for (const code of ["constructor", "toString", "__proto__"]) assert.equal(ends(code), false);
});
