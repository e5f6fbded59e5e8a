import assert from "node:assert/strict";
import { test } from "node:test";

import { comparing, matching } from "./static.js";

const loss = { title: "loss", cell: (row) => `<${row.loss}>`, key: (row) => row.loss };
const name = { title: "name", cell: (row) => row.name };
const rows = [
  { name: "b", loss: 10 },
  { name: "A", loss: null },
  { name: "c", loss: 9 },
  { name: "d", loss: undefined },
  { name: "e", loss: -1 },
];
const sorted = (column, descending) => [...rows].sort(comparing(column, descending)).map((row) => row.name);

test("numbers are sorted as numbers, and missing values come last in both directions", () => {
  assert.deepEqual(sorted(loss, false), ["e", "c", "b", "A", "d"]);
  assert.deepEqual(sorted(loss, true), ["b", "c", "e", "A", "d"]);
});

test("text is sorted alphabetically in any case", () => {
  assert.deepEqual(sorted(name, false), ["A", "b", "c", "d", "e"]);
  assert.deepEqual(sorted(name, true), ["e", "d", "c", "b", "A"]);
});

test("numbers and text in one column are compared as text", () => {
  const mixed = [{ loss: "adam" }, { loss: 3 }].sort(comparing(loss, false));
  assert.deepEqual(mixed, [{ loss: 3 }, { loss: "adam" }]);
});

test("the filter finds text in any column", () => {
  const found = (text) => matching(rows, [name, loss], text).map((row) => row.name);
  assert.deepEqual(found("a"), ["A"]);
  assert.deepEqual(found("10"), ["b"]);
  assert.deepEqual(found("none"), []);
  assert.notEqual(matching(rows, [name], ""), rows); // a copy, so that sorting leaves the rows alone
});
