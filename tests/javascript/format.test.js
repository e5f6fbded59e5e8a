import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, duration, elapsed, extreme, goals, number, plural, value } from "./static.js";

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

test("elapsed counts from the start of a run to its end", () => {
  assert.equal(elapsed({ started: 10, ended: 15 }), 5);
  assert.equal(elapsed({ started: null, ended: null }), null);
  const seconds = Date.now() / 1000;
  assert.ok(Math.abs(elapsed({ started: seconds - 5, ended: null }) - 5) < 1);
});

test("bytes chooses the unit", () => {
  assert.deepEqual([0, 999, 1000, 1234567, 5e15].map(bytes), ["0 B", "999 B", "1 kB", "1.23 MB", "5000 TB"]);
});

test("words for counts and goals", () => {
  assert.deepEqual([plural(1, "run"), plural(2, "run")], ["1 run", "2 runs"]);
  const metrics = [
    { name: "loss", goal: "minimize" },
    { name: "acc", goal: "maximize" },
  ];
  assert.equal(goals(metrics), "minimize loss, maximize acc");
  assert.deepEqual(metrics.map(extreme), ["lowest", "highest"]);
});
