// How far a sweep is.

import { el } from "./dom.js";
import { number, plural } from "./format.js";

const ORDER = ["finished", "stopped early", "failed", "running"];

/** A bar of the runs by state, out of `expected` runs if that is known, with the numbers in words. */
export function progress(counts, expected) {
  const begun = ORDER.reduce((sum, state) => sum + counts[state], 0);
  const total = Math.max(begun, expected ?? 0, 1);
  const parts = ORDER.filter((state) => counts[state]).map((state) =>
    el("span", { class: state.replace(" ", "-"), style: `flex-basis:${(100 * counts[state]) / total}%` }),
  );
  const words = ORDER.filter((state) => counts[state])
    .map((state) => `${counts[state]} ${state}`)
    .join(", ");
  const of = expected ? ` of ${Number.isSafeInteger(expected) ? expected : number(expected)}` : "";
  return el(
    "div",
    { class: "progress" },
    el("div", { class: "track", "aria-hidden": "true" }, parts),
    el(
      "p",
      { class: "soft" },
      begun ? `${expected ? begun + of + " runs" : plural(begun, "run")}: ${words}` : "no runs yet",
    ),
  );
}
