// A sweep in a list.

import { badge, el, linkTo, soft } from "./dom.js";
import { ago, goals, number, time } from "./format.js";
import { progress } from "./progress.js";

const best = (sweep) =>
  sweep.best === null
    ? "no result yet"
    : [`best ${sweep.metrics[0]?.name ?? ""} `, el("strong", {}, number(sweep.best))];

/** Return an item of a list: the name, state, progress and best value of a sweep, and `more` beside its state. */
export const sweepTile = (project, sweep, more = null) =>
  el(
    "li",
    { class: "card sweep" },
    el(
      "div",
      { class: "row" },
      el(
        "a",
        { class: "strong", href: project.sweep(sweep.name), title: `sweep ${sweep.name}` },
        sweep.title,
      ),
      badge(sweep.state),
      more,
    ),
    soft([sweep.method, goals(sweep.metrics)].filter(Boolean).join(", ")),
    progress(sweep),
    el(
      "div",
      { class: "row" },
      el("span", {}, best(sweep)),
      sweep.project ? linkTo(project.home, sweep.project) : null,
      el("span", { class: "soft", title: time(sweep.created) }, ago(sweep.created)),
    ),
  );
