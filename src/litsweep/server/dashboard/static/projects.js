// The page of all projects.

import { address } from "./address.js";
import { el, empty, fill, list } from "./dom.js";
import { ago, plural } from "./format.js";
import { poll } from "./poll.js";

const tile = (project) =>
  el(
    "li",
    {},
    el(
      "a",
      { class: "card project", href: address(project.entity, project.name) },
      el("span", { class: "soft" }, project.entity),
      el("strong", {}, project.name),
      el("span", {}, `${plural(project.sweeps, "sweep")}, ${plural(project.runs, "run")}`),
      project.running ? el("span", { class: "badge running" }, `${project.running} running`) : null,
      el("span", { class: "soft" }, ago(project.updated_at)),
    ),
  );

const hint = ["No projects yet. Create one: ", el("code", {}, "wandb sweep sweeps/quickstart.yaml")];

poll("/-/data/projects", ({ projects }) => {
  fill("projects", projects.length ? list("tiles projects", projects.map(tile)) : empty(...hint));
});
