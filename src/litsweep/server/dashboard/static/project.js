// The page of a project.

import { projectOf } from "./address.js";
import { history } from "./control.js";
import { badge, el, empty, fill, list, soft } from "./dom.js";
import { ago, goals, number, time } from "./format.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
import { showSelection } from "./selection.js";
import { listIn, state } from "./state.js";
import { runTable } from "./table.js";

const project = projectOf(location.pathname);

const best = (sweep) =>
  sweep.best === null
    ? "no result yet"
    : [`best ${sweep.metrics[0]?.name ?? ""} `, el("strong", {}, number(sweep.best))];

/** Return a box that chooses a sweep for the comparison. */
function choice({ name, title }) {
  const others = listIn("sweeps").filter((each) => each !== name);
  const onchange = () =>
    state.set({ sweeps: [...others, ...(box.checked ? [name] : [])].join(",") }, { push: true });
  const checked = listIn("sweeps").includes(name);
  const box = el("input", { type: "checkbox", "aria-label": `Compare ${title}`, checked, onchange });
  return el("label", { class: "soft" }, box, " compare");
}

const sweepTile = (sweep) =>
  el(
    "li",
    { class: "card sweep" },
    el(
      "div",
      { class: "row" },
      el("a", { class: "strong", href: project.sweep(sweep.name) }, sweep.title),
      badge(sweep.state),
      choice(sweep),
    ),
    soft([sweep.method, goals(sweep.metrics)].filter(Boolean).join(", ")),
    progress(sweep.counts, sweep.expected),
    el(
      "div",
      { class: "row" },
      el("span", {}, best(sweep)),
      el("span", { class: "soft", title: time(sweep.created) }, ago(sweep.created)),
    ),
  );

const hint = () => [
  "No sweeps yet. Create one: ",
  el("code", {}, `wandb sweep --project ${project.name} sweep.yaml`),
];

document.getElementById("changes").append(history(`/-/data${location.pathname}/changes`));

let data = null;

const showSweeps = () =>
  fill("sweeps", data.sweeps.length ? list("tiles", data.sweeps.map(sweepTile)) : empty(...hint()));

poll(`/-/data${location.pathname}`, (found) => {
  data = found;
  showSweeps();
});
state.onChange(() => data && showSweeps());
showSelection(project);

runTable(document.getElementById("runs"), {
  source: `/-/data${location.pathname}`,
  caption: "Runs of the project",
  empty: "No runs yet.",
});
