import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, plural } from "./static.js";

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
