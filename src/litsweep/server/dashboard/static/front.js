// The Pareto front of a sweep with several metrics: the runs that no other run beats in all of them.

import { axis, colour, draw, sensibleRange } from "./charts.js";
import { definitions, el } from "./dom.js";
import { goals, number, plural } from "./format.js";

const onFront = (runs) => runs.filter((run) => run.is_front);

/** What a tile says: how many runs are on the front, and how far it reaches in each metric. */
export function frontTile({ metrics, runs }, link) {
  const front = onFront(runs);
  if (!front.length)
    return [
      el("p", { class: "figure" }, "–"),
      el("p", { class: "soft" }, "no run has logged every metric yet"),
    ];
  const reach = metrics.map((metric, i) => {
    const sign = metric.goal === "maximize" ? -1 : 1;
    const end = front.reduce((best, run) => (sign * run.bests[i] < sign * best.bests[i] ? run : best));
    const word = metric.goal === "maximize" ? "highest" : "lowest";
    return [`${word} ${metric.name}`, el("span", {}, number(end.bests[i]), " by ", link(end))];
  });
  return [el("p", { class: "figure" }, plural(front.length, "run")), definitions(reach)];
}

/** The first two metrics against each other. With more than two, the front is no line in this picture. */
export function drawFront({ metrics, runs }) {
  const [x, y] = metrics;
  const shown = runs.filter((run) => run.bests[0] !== null && run.bests[1] !== null);
  const front = onFront(shown).sort((a, b) => a.bests[0] - b.bests[0]);
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
    trace(front, {
      mode: metrics.length === 2 ? "lines+markers" : "markers",
      line: { shape: x.goal === "maximize" ? "vh" : "hv", color: colour("accent"), width: 2 },
      marker: { color: colour("accent"), size: 8 },
    }),
  ];
  const range = (i) => {
    const values = (some) => some.map((run) => run.bests[i]);
    return rangeWith(values(shown), values(front));
  };
  const more = () => ({ xaxis: axis(x.name, range(0)), yaxis: axis(y.name, range(1)) });
  const hint = metrics.length > 2 ? `, the first two of ${metrics.length} metrics` : "";
  document
    .getElementById("best-title")
    .replaceChildren("Pareto front", el("span", { class: "hint" }, ` ${goals([x, y])}${hint}`));
  const label = `${y.name} against ${x.name}: ${front.length} of ${shown.length} runs are on the Pareto front`;
  return draw(document.getElementById("best"), { traces, more, x: x.name, y: y.name, label });
}

/** A range that leaves out outliers, though none of the front, which lies at the edge of what there is. */
function rangeWith(values, front) {
  const inner = sensibleRange(values);
  if (!inner) return undefined;
  const [low, high] = [Math.min(inner[0], ...front), Math.max(inner[1], ...front)];
  const air = 0.05 * (high - low);
  return [low - air, high + air];
}
