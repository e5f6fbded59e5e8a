// The Pareto front of a sweep with several metrics.

import { definitions, el, soft } from "./dom.js";
import { extreme, number, plural } from "./format.js";

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
