import assert from "node:assert/strict";
import { test } from "node:test";

import { sentence, statusText } from "../../backend/lobby/viewer/panel.js";

const status = (kind, other = {}) => ({ kind, why: "", code: "", until_ms: NaN, tries: 0, ...other });

test("the state of the connection in words", () => {
  assert.equal(statusText(status("connecting"), 0), "Connecting…");
  assert.equal(statusText(status("connecting", { tries: 1 }), 0), "Reconnecting…");
  assert.equal(statusText(status("connected"), 0), "Connected");
  assert.equal(statusText(status("refused"), 0), "Refused");
  assert.equal(statusText(status("closed"), 0), "Disconnected");
});

test("a pause is shown in whole seconds, and after three attempts with its reason", () => {
  const why = "no lobby answers there, or it refuses the connection";
  assert.equal(statusText(status("waiting", { until_ms: 2_100, tries: 1, why }), 0), "Reconnecting in 3 s");
  assert.equal(statusText(status("waiting", { until_ms: 2_100 }), 5_000), "Reconnecting in 1 s");
  assert.equal(statusText(status("waiting", { until_ms: 2_100, tries: 3, why }), 0), "Reconnecting in 3 s · no lobby answers there");
});

test("a reason becomes a sentence", () => {
  assert.equal(sentence("a token is needed"), "A token is needed.");
  assert.equal(sentence("Really?"), "Really?");
  assert.equal(sentence(""), "");
});
