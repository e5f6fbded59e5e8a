import { address, badge, el, empty, fill } from "./dom.js";
import { ago, duration, elapsed, goals, inOrder, number, time } from "./format.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
import { table } from "./table.js";

const [, entity, project] = location.pathname.split("/").map(decodeURIComponent);

const sweepTile = (sweep) =>
  el(
    "li",
    { class: "card sweep" },
    el(
      "div",
      { class: "row" },
      el("a", { class: "strong", href: address(entity, project, "sweeps", sweep.name) }, sweep.title),
      badge(sweep.state),
    ),
    el("p", { class: "soft" }, [sweep.method, goals(sweep.metrics)].filter(Boolean).join(", ")),
    progress(sweep.counts, sweep.expected),
    el(
      "div",
      { class: "row" },
      el(
        "span",
        {},
        sweep.best === null
          ? "no result yet"
          : el("span", {}, `best ${sweep.metrics[0]?.name ?? ""} `, el("strong", {}, number(sweep.best))),
      ),
      el("span", { class: "soft", title: time(sweep.created) }, ago(sweep.created)),
    ),
  );

let runs = null;
let columnsOf = "";

function runTable(metrics) {
  const columns = [
    {
      title: "Run",
      cell: (run) => el("a", { href: address(entity, project, "runs", run.name) }, run.title),
      key: (run) => run.title,
    },
    { title: "State", cell: (run) => badge(run.state), key: (run) => run.state },
    {
      title: "Sweep",
      cell: (run) => run.sweep && el("a", { href: address(entity, project, "sweeps", run.sweep) }, run.sweep),
      key: (run) => run.sweep,
    },
    ...inOrder(metrics).map((metric) => {
      const i = metrics.indexOf(metric);
      return {
        title: metric,
        numeric: true,
        cell: (run) => number(run.values[i]),
        key: (run) => run.values[i],
      };
    }),
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

poll(`/-/data${address(entity, project)}`, (data) => {
  fill(
    "sweeps",
    data.sweeps.length
      ? el("ul", { class: "tiles" }, data.sweeps.map(sweepTile))
      : empty(
          "No sweeps yet. ",
          el("code", {}, `wandb sweep --project ${project} sweep.yaml`),
          " creates one.",
        ),
  );
  if (!runs || columnsOf !== data.metrics.join("\n")) {
    columnsOf = data.metrics.join("\n");
    runs = runTable(data.metrics);
    fill("runs", runs.element);
  }
  runs.show(data.runs);
});
