// The Pareto front of a sweep with several metrics.

import { axis, colour, draw, sensibleRange } from "./charts.js";
import { definitions, el, soft } from "./dom.js";
import { extreme, goals, number, plural } from "./format.js";

/** Return the content of a tile: the number of runs on the front, and the best value of each metric. */
export function frontTile({ metrics, runs, front }, link) {
  if (!front.runs.length)
    return [el("p", { class: "figure" }, "–"), soft("no run has logged every metric yet")];
  const best = metrics.map((metric, i) => {
    const run = runs[front.best[i]];
    return [`${extreme(metric)} ${metric.name}`, el("span", {}, number(run.bests[i]), " by ", link(run))];
  });
  return [el("p", { class: "figure" }, plural(front.runs.length, "run")), definitions(best)];
}

/** Draw the first two metrics against each other. With more than two, the front is not a line. */
export function drawFront({ metrics, runs, front }) {
  const [x, y] = metrics;
  const shown = runs.filter((run) => run.bests[0] !== null && run.bests[1] !== null);
  const best = front.runs.map((i) => runs[i]);
  const trace = (some, more) => ({
    type: "scatter",
    mode: "markers",
    x: some.map((run) => run.bests[0]),
    y: some.map((run) => run.bests[1]),
    text: some.map((run) => run.title.replaceAll("<", "&lt;")),
    hovertemplate: "%{text}: %{x:.5g}, %{y:.5g}<extra></extra>",
    ...more,
  });
  const traces = () => [
    trace(shown, { marker: { color: colour("faint"), size: 6 } }),
    trace(best, {
      mode: metrics.length === 2 ? "lines+markers" : "markers",
      line: { shape: "hv", color: colour("accent"), width: 2 },
      marker: { color: colour("accent"), size: 8 },
    }),
  ];
  const range = (i) => {
    const values = (some) => some.map((run) => run.bests[i]);
    return rangeWith(values(shown), values(best));
  };
  const more = () => ({ xaxis: axis(x.name, range(0)), yaxis: axis(y.name, range(1)) });
  const hint = metrics.length > 2 ? ` (the first two of ${metrics.length} metrics)` : "";
  document
    .getElementById("best-title")
    .replaceChildren("Pareto front", el("span", { class: "hint" }, ` ${goals([x, y])}${hint}`));
  const label = `${y.name} against ${x.name}: ${best.length} of ${shown.length} runs are on the Pareto front`;
  return draw(document.getElementById("best"), { traces, more, x: x.name, y: y.name, label });
}

/** Return a range without outliers that includes the whole front. */
function rangeWith(values, front) {
  const inner = sensibleRange(values);
  if (!inner) return undefined;
  const [low, high] = [Math.min(inner[0], ...front), Math.max(inner[1], ...front)];
  const margin = 0.05 * (high - low);
  return [low - margin, high + margin];
}
