import assert from "node:assert/strict";
import { test } from "node:test";

import { consoleText } from "./static.js";

const ESCAPE = String.fromCharCode(27);

test("a plain line loses its time stamp and colours", () => {
  const line = `2026-11-27T10:00:00.123 ${ESCAPE}[1;31mloss${ESCAPE}[0m 0.5`;
  assert.equal(consoleText(line), "loss 0.5");
  assert.equal(consoleText("ERROR 2026-11-27T10:00:00.123 boom"), "boom");
});

test("a structured line shows its content", () => {
  assert.equal(consoleText('{"ts":"2026","level":"error","content":"boom"}'), "boom");
});

test("a line that only looks structured stays as it is", () => {
  assert.equal(consoleText("{not json"), "{not json");
  assert.equal(consoleText('{"loss": 1}'), '{"loss": 1}');
});
