import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, number, plural, value } from "./static.js";

test("number keeps four significant digits", () => {
  const cases = [
    [0.123456, "0.1235"],
    [64, "64"],
    [64.0, "64"],
    [-0.5, "-0.5"],
    [123456, "123456"],
    [1234567, "1.23e6"],
    [1e-9, "1e-9"],
    [0.00012345, "1.23e-4"],
    [0, "0"],
    [null, "–"],
    [undefined, "–"],
  ];
  for (const [given, shown] of cases) assert.equal(number(given), shown);
});

test("value shows text as it is and structures as JSON", () => {
  assert.equal(value("adam"), "adam");
  assert.equal(value(true), "true");
  assert.equal(value([1, "a"]), '[1,"a"]');
  assert.equal(value({ a: null }), '{"a":null}');
  assert.equal(value(null), "–");
});

test("duration names its two largest units", () => {
  const cases = [
    [0, "0 s"],
    [0.4, "0 s"],
    [42, "42 s"],
    [60, "1 min"],
    [200, "3 min 20 s"],
    [7500, "2 h 5 min"],
    [3 * 86400 + 4 * 3600 + 59, "3 d 4 h"],
    [null, "–"],
  ];
  for (const [given, shown] of cases) assert.equal(duration(given), shown);
});

test("a count has its noun", () => {
  assert.deepEqual([plural(1, "run"), plural(2, "run")], ["1 run", "2 runs"]);
});
