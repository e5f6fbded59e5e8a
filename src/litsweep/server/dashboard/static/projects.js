// The page of all projects.

import { address, projectOf } from "./address.js";
import { badge, el, empty, fill, linkTo, list, soft } from "./dom.js";
import { ago, duration, elapsed, plural } from "./format.js";
import { poll } from "./poll.js";
import { sweepTile } from "./sweep_tile.js";

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

const projectOfRow = ({ entity, project }) => projectOf(address(entity, project));

const runItem = (run) =>
  el(
    "li",
    {},
    el("span", {}, linkTo(projectOfRow(run).run(run.name), run.title), " ", badge(run.state)),
    el("span", { class: "soft" }, [run.project, duration(elapsed(run))].join(", ")),
  );

/** Show the sweeps and runs that are active now, in any project. */
function showActive({ sweeps, runs, more_runs: more }) {
  document.getElementById("active").hidden = !sweeps.length && !runs.length;
  document.getElementById("active-runs").hidden = !runs.length;
  const tiles = sweeps.map((sweep) => sweepTile(projectOfRow(sweep), sweep));
  fill("active-sweeps", list("tiles", tiles, ""));
  const rest = more ? soft(`and ${plural(more, "more run")}`) : null;
  fill(
    "active-runs",
    el("summary", {}, `${plural(runs.length + more, "run")} in progress`),
    list("list", runs.map(runItem), ""),
    rest,
  );
}

poll("/-/data/projects", (data) => {
  const { projects } = data;
  showActive(data);
  fill("projects", projects.length ? list("tiles projects", projects.map(tile)) : empty(...hint));
});
