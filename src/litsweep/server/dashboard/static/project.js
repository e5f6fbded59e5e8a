// The page of a project.

import { projectOf } from "./address.js";
import { badge, el, empty, fill, list, soft } from "./dom.js";
import { ago, goals, number, time } from "./format.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
import { runTable } from "./table.js";

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

const hint = () => [
  "No sweeps yet. Create one: ",
  el("code", {}, `wandb sweep --project ${project.name} sweep.yaml`),
];

poll(`/-/data${location.pathname}`, (data) => {
  fill("sweeps", data.sweeps.length ? list("tiles", data.sweeps.map(sweepTile)) : empty(...hint()));
});

runTable(document.getElementById("runs"), {
  source: `/-/data${location.pathname}`,
  caption: "Runs",
  empty: "No runs yet.",
});
