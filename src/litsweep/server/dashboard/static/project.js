// The page of a project.

import { projectOf } from "./address.js";
import { history } from "./control.js";
import { badge, el, empty, fill, linkTo, list, soft } from "./dom.js";
import { ago, duration, elapsed, goals, number, time } from "./format.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
import { table } from "./table.js";

const project = projectOf(location.pathname);

const best = (sweep) =>
  sweep.best === null
    ? "no result yet"
    : [`best ${sweep.metrics[0]?.name ?? ""} `, el("strong", {}, number(sweep.best))];

const sweepTile = (sweep) =>
  el(
    "li",
    { class: "card sweep" },
    el(
      "div",
      { class: "row" },
      el("a", { class: "strong", href: project.sweep(sweep.name) }, sweep.title),
      badge(sweep.state),
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

const link = (run) => el("a", { href: project.run(run.name), title: run.title }, run.title);

let runs = null;
let shownMetrics = "";

function runTable(metrics) {
  const columns = [
    { title: "Run", cell: link, key: (run) => run.title },
    { title: "State", cell: (run) => badge(run.state), key: (run) => run.state },
    {
      title: "Sweep",
      cell: (run) => run.sweep && linkTo(project.sweep(run.sweep), run.sweep),
      key: (run) => run.sweep,
    },
    ...metrics.map((metric, i) => ({
      title: metric,
      numeric: true,
      cell: (run) => number(run.values[i]),
      key: (run) => run.values[i],
    })),
    { title: "Duration", numeric: true, cell: (run) => duration(elapsed(run)), key: elapsed },
    {
      title: "Created",
      numeric: true,
      cell: (run) => el("time", { title: time(run.created) }, ago(run.created)),
      key: (run) => run.created,
    },
  ];
  return table("Runs", columns, { sortBy: columns.at(-1), descending: true, empty: "No runs yet." });
}

const hint = () => [
  "No sweeps yet. Create one: ",
  el("code", {}, `wandb sweep --project ${project.name} sweep.yaml`),
];

document.getElementById("changes").append(history(`/-/data${location.pathname}/changes`));

poll(`/-/data${location.pathname}`, (data) => {
  fill("sweeps", data.sweeps.length ? list("tiles", data.sweeps.map(sweepTile)) : empty(...hint()));
  if (!runs || shownMetrics !== data.metrics.join("\n")) {
    shownMetrics = data.metrics.join("\n");
    runs = runTable(data.metrics);
    fill("runs", runs.element);
  }
  runs.show(data.runs);
});
