import { address, el, empty, fill } from "./dom.js";
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

poll("/-/data/projects", ({ projects }) => {
  fill(
    "projects",
    projects.length
      ? el("ul", { class: "tiles projects" }, projects.map(tile))
      : empty("No projects yet. Start one with ", el("code", {}, "wandb sweep sweeps/quickstart.yaml"), "."),
  );
});
