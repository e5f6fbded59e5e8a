import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.location = { pathname: "/local/p" };
const { projectOf } = await import("../../src/litsweep/server/dashboard/static/address.js");

test("a path names its project, and each part of an address is escaped", () => {
  const project = projectOf("/my%20team/p%2Fq/sweeps/s1");
  assert.equal(project.home, "/my%20team/p%2Fq");
  assert.equal(project.run("r 1/x"), "/my%20team/p%2Fq/runs/r%201%2Fx");
  assert.equal(project.compare("runs", ["a", "b?"]), "/my%20team/p%2Fq/compare?runs=a,b%3F");
});
