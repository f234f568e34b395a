import assert from "node:assert/strict";
import { test } from "node:test";

import { Announcements, PAUSE_MS } from "../../backend/lobby/viewer/announcements.js";

const people = (...names) => names.map((name) => ({ id: name, name }));

test("a few players are announced by name, many by number", () => {
  const announcements = new Announcements();
  announcements.joined(people("Ada", "Bea"));
  announcements.left(people("Cy"));
  assert.equal(announcements.due(0, 5), "Ada and Bea joined. Cy left. 5 here.");
  announcements.joined(Array.from({ length: 200 }, (_, i) => ({ id: `p${i}`, name: `P${i}` })));
  assert.equal(announcements.due(PAUSE_MS, 205), "200 players joined. 205 here.");
});

test("texts are PAUSE_MS apart, and no change is lost meanwhile", () => {
  const announcements = new Announcements();
  announcements.joined(people("Ada"));
  assert.equal(announcements.due(0, 2), "Ada joined. 2 here.");
  announcements.joined(people("Bea"));
  assert.equal(announcements.due(PAUSE_MS - 1, 3), "");
  announcements.joined(people("Cy"));
  assert.equal(announcements.due(PAUSE_MS, 4), "Bea and Cy joined. 4 here.");
  assert.equal(announcements.due(9 * PAUSE_MS, 4), "");
});

test("a player that joined and left since the last text is not announced", () => {
  const announcements = new Announcements();
  announcements.joined(people("Ada"));
  announcements.left(people("Ada"));
  assert.equal(announcements.due(0, 1), "");
});
