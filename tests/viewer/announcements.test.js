import assert from "node:assert/strict";
import { test } from "node:test";

import { Announcements, PAUSE_MS } from "../../backend/lobby/viewer/announcements.js";

const people = (...names) => names.map((name) => ({ id: name, name }));

test("few are told by name, many by number", () => {
  const announcements = new Announcements();
  announcements.came(people("Ada", "Bea"));
  announcements.left(people("Cy"));
  assert.equal(announcements.due(0, 5), "Ada and Bea joined. Cy left. 5 here.");
  announcements.came(Array.from({ length: 200 }, (_, i) => ({ id: `p${i}`, name: `P${i}` })));
  assert.equal(announcements.due(PAUSE_MS, 205), "200 players joined. 205 here.");
});

test("nobody is interrupted more often than every few seconds, and nothing is lost meanwhile", () => {
  const announcements = new Announcements();
  announcements.came(people("Ada"));
  assert.equal(announcements.due(0, 2), "Ada joined. 2 here.");
  announcements.came(people("Bea"));
  assert.equal(announcements.due(PAUSE_MS - 1, 3), "");
  announcements.came(people("Cy"));
  assert.equal(announcements.due(PAUSE_MS, 4), "Bea and Cy joined. 4 here.");
  assert.equal(announcements.due(9 * PAUSE_MS, 4), "");
});

test("who came and went in between is not worth a word", () => {
  const announcements = new Announcements();
  announcements.came(people("Ada"));
  announcements.left(people("Ada"));
  assert.equal(announcements.due(0, 1), "");
});
