// The page of a sweep.

import { projectOf } from "./address.js";
import { axis, colour, draw, sensibleRange } from "./charts.js";
import { control } from "./control.js";
import { badge, definitions, el, empty, fill, soft } from "./dom.js";
import { ago, extreme, goals, number, plural, time, value } from "./format.js";
import { drawFront, frontTile } from "./front.js";
import { showGrid } from "./grid.js";
import { drawParallel } from "./parallel.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
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
}

const tile = (title, ...content) => el("div", { class: "card tile" }, el("h2", {}, title), ...content);

function resultTile(data, best) {
  const { metric, metrics } = data;
  if (metric === null) return tile("Result", el("p", {}, "The sweep config has no metric."));
  if (metrics.length > 1) return tile("Pareto front", ...frontTile(data, link));
  return tile(
    `Best ${metric.name}`,
    el("p", { class: "figure" }, number(best?.best)),
    best ? soft(`${extreme(metric)} value, logged by `, link(best)) : soft("no run has logged it yet"),
  );
}

function showTiles(data, best) {
  const { sweep, metrics, parameters } = data;
  const pairs = parameters.map((parameter, i) => [parameter.name, value(best?.values[i])]);
  const agents = sweep.agents ? soft(`${plural(sweep.agents, "agent")} so far`) : null;
  fill(
    "tiles",
    resultTile(data, best),
    tile("Progress", progress(sweep.counts, sweep.expected), agents),
    best && metrics.length === 1 && pairs.length ? tile("Best config", definitions(pairs)) : null,
  );
}

function drawBest({ metric, runs }) {
  const shown = runs.map((run, i) => ({ ...run, x: i + 1 })).filter((run) => run.best !== null);
  const x = shown.map((run) => run.x);
  const traces = () => [
    {
      type: "scatter",
      mode: "markers",
      x,
      y: shown.map((run) => run.best),
      text: shown.map((run) => run.title.replaceAll("<", "&lt;")),
      hovertemplate: "%{text}: %{y:.5g}<extra></extra>",
      marker: { color: colour("faint"), size: 6 },
    },
    {
      type: "scatter",
      mode: "lines",
      line: { shape: "hv", color: colour("accent"), width: 2.5 },
      x,
      y: shown.map((run) => run.best_so_far),
      hovertemplate: "best after %{x} runs: %{y:.5g}<extra></extra>",
    },
  ];
  const range = sensibleRange(shown.map((run) => run.best));
  const more = () => ({
    yaxis: axis(metric.name, range),
    xaxis: { ...axis("run"), dtick: shown.length < 12 ? 1 : undefined },
  });
  const label = `Best ${metric.name} so far: ${number(shown.at(-1).best_so_far)} after ${shown.length} runs`;
  return draw(document.getElementById("best"), { traces, more, x: "run", y: metric.name, label });
}

/** Return the line of a run in the chart of learning curves. */
function curveLook(run, best) {
  if (run === best) return { color: colour("accent"), width: 2.5 };
  if (run.state === "running") return { color: colour("running"), width: 1.5 };
  return { color: colour("faint"), width: 1 };
}

function drawCurves({ metric, runs, curves }, best) {
  const drawn = runs.filter((run) => curves[run.name]?.[0].length);
  if (!drawn.length) return fill("curves", empty("No run has logged a learning curve."));
  const order = drawn.sort((one, other) => (one === best) - (other === best)); // the best run on top
  const trace = (run) => {
    const [x, y] = curves[run.name];
    const line = curveLook(run, best);
    return {
      type: "scatter",
      mode: x.length < 3 ? "lines+markers" : "lines",
      x,
      y,
      line,
      marker: { size: 4, color: line.color },
      hovertemplate: `${run.title.replaceAll("<", "&lt;")}<br>step %{x}: %{y:.5g}<extra></extra>`,
    };
  };
  const range = sensibleRange(order.flatMap((run) => curves[run.name][1]));
  const isSample = order.length < runs.length;
  const hint = isSample ? ` ${order.length} of ${runs.length} runs: the running and the best ones` : "";
  document
    .getElementById("curves-title")
    .replaceChildren("Learning curves", el("span", { class: "hint" }, hint));
  return draw(document.getElementById("curves"), {
    traces: () => order.map(trace),
    more: () => ({ yaxis: axis(metric.name, range) }),
    x: "step",
    y: metric.name,
    label: `${metric.name} over the steps of ${order.length} runs`,
  });
}

runTable(document.getElementById("runs"), {
  source: `/-/data${location.pathname}`,
  caption: "Runs of the sweep",
  empty: "No runs yet. Start an agent with wandb agent or litsweep launch.",
});

poll(`/-/data${location.pathname}`, async (data) => {
  const best = data.runs.find((run) => run.name === data.best) ?? null;
  showHead(data);
  control(document.getElementById("controls"), data);
  showTiles(data, best);
  if (data.grid) showGrid(data, href);
  if (data.parallel) drawParallel(document.getElementById("parallel"), data, href);
  else fill("parallel", empty("This chart needs a parameter to search and two runs with a result."));
  if (best === null) {
    for (const id of ["best", "curves"]) fill(id, empty("No run has a result yet."));
    return;
  }
  for (const id of ["best", "curves"]) document.querySelector(`#${id} > .empty`)?.remove();
  await (data.metrics.length > 1 ? drawFront(data) : drawBest(data));
  await drawCurves(data, best);
});
