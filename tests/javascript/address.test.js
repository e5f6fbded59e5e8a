import assert from "node:assert/strict";
import { test } from "node:test";

import { address, fileAddress, projectOf } from "./static.js";

test("each part of an address is escaped", () => {
  assert.equal(address("local", "a b", "runs", "x/y"), "/local/a%20b/runs/x%2Fy");
});

test("a path names its project", () => {
  const project = projectOf("/my%20team/p%2Fq/sweeps/s1");
  assert.deepEqual([project.entity, project.name], ["my team", "p/q"]);
  assert.equal(project.run("r 1"), "/my%20team/p%2Fq/runs/r%201");
  assert.equal(project.sweep("s?"), "/my%20team/p%2Fq/sweeps/s%3F");
});

test("a file keeps its folders", () => {
  assert.equal(
    fileAddress("/local/p/runs/r", "media/a b#1.png"),
    "/-/file/local/p/runs/r/media/a%20b%231.png",
  );
});
