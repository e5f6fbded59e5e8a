// The page of a sweep.

import { projectOf } from "./address.js";
import { addBrushes } from "./brush.js";
import { chartCards, missingCharts } from "./cards.js";
import { control } from "./control.js";
import { badge, definitions, el, fill, soft } from "./dom.js";
import { ago, extreme, goals, number, plural, time, value } from "./format.js";
import { showGrid } from "./grid.js";
import { get, poll } from "./poll.js";
import { progress } from "./progress.js";
import { showSelection } from "./selection.js";
import { listIn } from "./state.js";
import { runTable } from "./table.js";

const project = projectOf(location.pathname);
const href = (run) => project.run(run.name);
const link = (run) => el("a", { href: href(run), title: run.title }, run.title);

const DONE_BECAUSE = {
  run_cap: "the run cap is reached",
  target: "a run has reached the target",
  stopped: "the sweep was stopped, and only its retries run",
  exhausted: "every config of the search space has been tried",
};

function showHead({ sweep, metrics }) {
  document.title = `${sweep.title} · litsweep`;
  const facts = [
    sweep.title !== sweep.name && `sweep ${sweep.name}`,
    sweep.method,
    goals(metrics),
    sweep.early_terminate && `early termination: ${sweep.early_terminate}`,
    sweep.earlier.length > 0 && `learns from ${sweep.earlier.join(", ")}`,
  ];
  fill(
    "head",
    el("div", { class: "row start" }, el("h1", {}, sweep.title), badge(sweep.state)),
    soft(
      facts.filter(Boolean).join(" · "),
      " · ",
      el("time", { title: time(sweep.created) }, `created ${ago(sweep.created)}`),
    ),
    sweep.description ? el("p", {}, sweep.description) : null,
  );
  const notices = sweep.warnings.map((warning) => el("p", { class: "notice warn" }, warning));
  if (sweep.done_because) {
    const reason = DONE_BECAUSE[sweep.done_because] ?? sweep.done_because;
    const tone = sweep.done_because === "target" ? "notice good" : "notice";
    notices.push(el("p", { class: tone }, `The search suggests no more runs: ${reason}.`));
  }
  fill("notices", notices);
  fill("config", sweep.config);
  fill("versions", sweep.versions);
  document.getElementById("versions-section").hidden = !sweep.versions;
}

const tile = (title, ...content) => el("div", { class: "card tile" }, el("h2", {}, title), ...content);

/** Return the content of the tile of a Pareto front: its size, and the best value of each metric. */
function frontTile({ metrics, best_total: total, best_by_metric: best }) {
  if (!total) return [el("p", { class: "figure" }, "–"), soft("no run has logged every metric yet")];
  const pair = (metric, i) => [
    `${extreme(metric)} ${metric.name}`,
    el("span", {}, number(best[i].bests[i]), " by ", link(best[i])),
  ];
  return [el("p", { class: "figure" }, plural(total, "run")), definitions(metrics.map(pair))];
}

function resultTile(data, best) {
  const { metric, metrics } = data;
  if (metric === null) return tile("Result", el("p", {}, "The sweep config has no metric."));
  if (metrics.length > 1) return tile("Pareto front", ...frontTile(data));
  return tile(
    `Best ${metric.name}`,
    el("p", { class: "figure" }, number(best?.bests[0])),
    best ? soft(`${extreme(metric)} value, logged by `, link(best)) : soft("no run has logged it yet"),
  );
}

function showTiles(data) {
  const { sweep, metrics } = data;
  const best = data.best_runs[0];
  const pairs = Object.entries(best?.parameters ?? {}).map(([name, each]) => [name, value(each)]);
  fill(
    "tiles",
    resultTile(data, best),
    tile("Progress", progress(sweep)),
    metrics.length === 1 && pairs.length ? tile("Best config", definitions(pairs)) : null,
  );
}

const url = `/-/data${location.pathname}`;

// The order of the charts on the page. All others follow the table of runs.
const FIRST = ["best", "front", "curves", "parallel", "importance", "slices"];
const WIDE = ["parallel", "importance", "slices", "timeline"];

const cards = chartCards({
  address: ({ name }, query) => `${url}/charts/${name}?${query}`,
  place: ({ name }) => document.getElementById(FIRST.includes(name) ? "charts" : "more-charts"),
  chosen: () => listIn("runs"),
  drawn: ({ name }, box) => name === "parallel" && addBrushes(box, `${url}/charts/${name}/brush`),
});

function showCharts() {
  const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const sorted = charts
    .map((chart) => ({ ...chart, wide: WIDE.includes(chart.name) }))
    .sort((one, other) => place(one) - place(other));
  cards.update(sorted);
  fill("missing-charts", missingCharts(charts));
  document.getElementById("more").hidden = sorted.every(
    (chart) => chart.missing || place(chart) < FIRST.length,
  );
}

showSelection(project);

runTable(document.getElementById("runs"), {
  source: url,
  caption: "Runs of the sweep",
  empty: "No runs yet. Start an agent with wandb agent or litsweep launch.",
});

let charts = [];
let shownTags = null;

poll(url, async (data) => {
  showHead(data);
  control(document.getElementById("controls"), data);
  showTiles(data);
  const tags = JSON.stringify(data.charts);
  if (tags !== shownTags) ({ charts } = await get(`${url}/charts`));
  shownTags = tags;
  showCharts();
  if (data.grid) showGrid(data, href);
});
