import { axis, colour, draw, sensibleRange } from "./charts.js";
import { address, badge, definitions, el, empty, fill } from "./dom.js";
import { ago, duration, elapsed, goals, number, plural, time, value } from "./format.js";
import { drawFront, frontTile } from "./front.js";
import { parallel } from "./parallel.js";
import { poll } from "./poll.js";
import { progress } from "./progress.js";
import { table } from "./table.js";

const [, entity, project] = location.pathname.split("/").map(decodeURIComponent);
const page = (run) => address(entity, project, "runs", run.name);
const link = (run) => el("a", { href: page(run) }, run.title);

const WHY_DONE = {
  run_cap: "the run cap is reached",
  target: "a run has reached the target",
  exhausted: "every config of the space has been tried",
};

function showHead({ sweep, metrics }) {
  document.title = `${sweep.title} · litsweep`;
  fill(
    "head",
    el("div", { class: "row start" }, el("h1", {}, sweep.title), badge(sweep.state)),
    el(
      "p",
      { class: "soft" },
      [
        sweep.title !== sweep.name && `sweep ${sweep.name}`,
        sweep.method,
        goals(metrics),
        sweep.early_terminate && `early stopping: ${sweep.early_terminate}`,
      ]
        .filter(Boolean)
        .join(" · "),
      " · ",
      el("time", { title: time(sweep.created) }, `begun ${ago(sweep.created)}`),
    ),
    sweep.description ? el("p", {}, sweep.description) : null,
  );
  const notices = sweep.warnings.map((warning) => el("p", { class: "notice warn" }, warning));
  if (sweep.why_done) {
    const why = WHY_DONE[sweep.why_done] ?? sweep.why_done;
    const tone = sweep.why_done === "target" ? "notice good" : "notice";
    notices.push(el("p", { class: tone }, `No more runs are suggested: ${why}.`));
  }
  fill("notices", notices);
  fill("config", sweep.config);
}

const tile = (title, ...content) => el("div", { class: "card tile" }, el("h2", {}, title), ...content);

function showTiles(data, best) {
  const { sweep, metric, metrics, parameters } = data;
  const result =
    metric === null
      ? tile("Result", el("p", {}, "This sweep names no metric."))
      : metrics.length > 1
        ? tile("Pareto front", ...frontTile(data, link))
        : best === null
          ? tile(
              `Best ${metric.name}`,
              el("p", { class: "figure" }, "–"),
              el("p", { class: "soft" }, "no run has logged it yet"),
            )
          : tile(
              `Best ${metric.name}`,
              el("p", { class: "figure" }, number(best.best)),
              el(
                "p",
                { class: "soft" },
                metric.goal === "maximize" ? "highest" : "lowest",
                " of all, by ",
                link(best),
              ),
            );
  const config =
    best && metrics.length === 1 && parameters.length
      ? tile(
          "Best config",
          definitions(parameters.map((parameter, i) => [parameter.name, value(best.values[i])])),
        )
      : null;
  fill(
    "tiles",
    result,
    tile(
      "Progress",
      progress(sweep.counts, sweep.expected),
      sweep.agents ? el("p", { class: "soft" }, `${plural(sweep.agents, "agent")} so far`) : null,
    ),
    config,
  );
}

/** The best value after each run; what broken runs reached counts only where there are no others. */
function bestSoFar(runs, isBetter) {
  const counts = runs.some((run) => !run.is_broken) ? (run) => !run.is_broken : () => true;
  let best = null;
  return runs.map((run) => {
    if (counts(run) && (best === null || isBetter(run.best, best))) best = run.best;
    return best;
  });
}

function drawBest({ metric, runs }, isBetter) {
  const order = runs.map((run, i) => ({ ...run, i: i + 1 })).filter((run) => run.best !== null);
  const best = bestSoFar(order, isBetter);
  const traces = () => [
    {
      type: "scatter",
      mode: "markers",
      x: order.map((run) => run.i),
      y: order.map((run) => run.best),
      text: order.map((run) => run.title),
      hovertemplate: "%{text}: %{y:.5g}<extra></extra>",
      marker: { color: colour("faint"), size: 6 },
    },
    {
      type: "scatter",
      mode: "lines",
      line: { shape: "hv", color: colour("accent"), width: 2.5 },
      x: order.map((run) => run.i),
      y: best,
      hovertemplate: "best after %{x} runs: %{y:.5g}<extra></extra>",
    },
  ];
  const range = sensibleRange(order.map((run) => run.best));
  const more = () => ({
    yaxis: axis(metric.name, range),
    xaxis: { ...axis("run"), dtick: order.length < 12 ? 1 : undefined },
  });
  return draw(document.getElementById("best"), {
    traces,
    more,
    x: "run",
    y: metric.name,
    label: `Best ${metric.name} so far: ${number(best.at(-1))} after ${order.length} runs`,
  });
}

function drawCurves({ metric, runs, curves }, best) {
  const drawn = runs.filter((run) => curves[run.name]?.[0].length);
  const order = [...drawn.filter((run) => run !== best), ...(best && drawn.includes(best) ? [best] : [])];
  const traces = () =>
    order.map((run) => {
      const look =
        run === best
          ? { color: colour("accent"), width: 2.5 }
          : run.ended === null
            ? { color: colour("running"), width: 1.5 }
            : { color: colour("faint"), width: 1 };
      return {
        type: "scatter",
        mode: curves[run.name][0].length < 3 ? "lines+markers" : "lines",
        x: curves[run.name][0],
        y: curves[run.name][1],
        line: look,
        marker: { size: 4, color: look.color },
        hovertemplate: `${run.title.replaceAll("<", "&lt;")}<br>step %{x}: %{y:.5g}<extra></extra>`,
      };
    });
  if (!order.length) return fill("curves", empty("No run has logged it step by step."));
  const range = sensibleRange(order.flatMap((run) => curves[run.name][1]));
  document
    .getElementById("curves-title")
    .replaceChildren(
      metric.name,
      el(
        "span",
        { class: "hint" },
        order.length < runs.length ? ` ${order.length} of ${runs.length} runs: the running and the best` : "",
      ),
    );
  return draw(document.getElementById("curves"), {
    traces,
    more: () => ({ yaxis: axis(metric.name, range) }),
    x: "step",
    y: metric.name,
    label: `${metric.name} over the steps of ${order.length} runs`,
  });
}

function drawParallel({ metric, parameters, runs }, isBetter) {
  const element = document.getElementById("parallel");
  const values = runs
    .filter((run) => run.best !== null)
    .map((run) => run.best)
    .sort((a, b) => (isBetter(a, b) ? 1 : -1));
  if (!parameters.length || values.length < 2)
    return element.replaceChildren(empty("Comes with the second result."));
  const rank = new Map(values.map((v, i) => [v, i / (values.length - 1)]));
  const share = (run) => (run.best === null ? null : rank.get(run.best));
  return parallel(element, { parameters, metric: metric.name, runs, share, path: page });
}

let runTable = null;

function makeTable({ metric, metrics, parameters }) {
  const bests = metrics.map(({ name }, i) => ({
    title: `best ${name}`,
    numeric: true,
    cell: (run) => number(run.bests[i]),
    key: (run) => run.bests[i],
  }));
  const front = {
    title: "Front",
    cell: (run) => (run.is_front ? el("span", { class: "badge front" }, "front") : null),
    key: (run) => (run.is_front ? "front" : null),
  };
  const columns = [
    { title: "Run", cell: link, key: (run) => run.title },
    ...parameters.map((parameter, i) => ({
      title: parameter.name,
      numeric: parameter.ticks.some(([, v]) => typeof v === "number"),
      cell: (run) => value(run.values[i]),
      key: (run) => run.values[i],
    })),
    ...bests,
    ...(metrics.length > 1 ? [front] : []),
    ...(metric
      ? [
          {
            title: `last ${metric.name}`,
            numeric: true,
            cell: (run) => number(run.last),
            key: (run) => run.last,
          },
        ]
      : []),
    {
      title: "State",
      cell: (run) =>
        el(
          "span",
          { title: run.stop_why || run.failure },
          badge(run.state),
          run.failure ? el("span", { class: "soft" }, ` ${run.failure.replaceAll("_", " ")}`) : null,
        ),
      key: (run) => run.state,
    },
    { title: "Duration", numeric: true, cell: (run) => duration(elapsed(run)), key: elapsed },
    {
      title: "Why",
      cell: (run) => el("span", { class: "soft clip", title: run.why }, run.why),
      key: (run) => run.why,
    },
  ];
  const sorting = metric
    ? { sortBy: bests[0], descending: metric.goal === "maximize" }
    : { sortBy: columns[0] };
  return table("Runs of the sweep", columns, {
    ...sorting,
    empty: "No runs yet. An agent starts them: wandb agent, or litsweep launch.",
    rowClass: (run) => (run.is_front || run.isBest ? "best" : null),
  });
}

poll(`/-/data${location.pathname}`, async (data) => {
  const isBetter = data.metric?.goal === "maximize" ? (a, b) => a > b : (a, b) => a < b;
  const best = data.runs.find((run) => run.name === data.best) ?? null;
  if (best && data.metrics.length === 1) best.isBest = true;
  showHead(data);
  showTiles(data, best);
  if (!runTable) {
    runTable = makeTable(data);
    fill("runs", runTable.element);
  }
  runTable.show(data.runs);
  if (data.metric === null || best === null) {
    fill("best", empty("Comes with the first result."));
    fill("curves", empty("Comes with the first result."));
    fill("parallel", empty("Comes with the second result."));
    return;
  }
  for (const id of ["best", "curves"]) document.querySelector(`#${id} > .empty`)?.remove();
  await (data.metrics.length > 1 ? drawFront(data) : drawBest(data, isBetter));
  await drawCurves(data, best);
  drawParallel(data, isBetter);
});
