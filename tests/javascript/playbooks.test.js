import assert from "node:assert/strict";
import { test } from "node:test";

import { Stage, books, read } from "./playbook.js";

test("there are play-books", () => {
  assert.ok(books().length > 40);
});

for (const name of books()) {
  const book = read(name);
  test(`${name}: ${book.title}`, () => assert.deepEqual(new Stage(book).play(), book.expect));
}
