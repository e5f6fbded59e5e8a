// The progress of a sweep.

import { el, soft } from "./dom.js";
import { number, plural } from "./format.js";

/** Return a bar of the runs of a sweep by state, the counts as text, its agents, its rate and the time left. */
export function progress({ counts, expected, agents, agents_alive: alive, rate, time_left: left }) {
  const states = Object.entries(counts);
  const started = states.reduce((sum, [, count]) => sum + count, 0);
  const total = Math.max(started, expected ?? 0, 1);
  const parts = states.map(([state, count]) =>
    el("span", { class: state.replaceAll(" ", "-"), style: `flex-basis:${(100 * count) / total}%` }),
  );
  const words = states.map(([state, count]) => `${count} ${state}`).join(", ");
  const shown = Number.isSafeInteger(expected) ? expected : number(expected);
  const runs = expected ? `${started} of ${shown} runs` : plural(started, "run");
  const facts = [
    agents && `${alive} of ${plural(agents, "agent")} at work`,
    rate && `${number(rate)} runs an hour`,
    left?.text,
  ];
  return el(
    "div",
    { class: "progress" },
    el("div", { class: "track", "aria-hidden": "true" }, parts),
    soft(started ? `${runs}: ${words}` : "no runs yet"),
    soft(facts.filter(Boolean).join(", ")),
  );
}
