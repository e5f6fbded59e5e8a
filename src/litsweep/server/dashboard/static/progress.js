// How far a sweep is.

import { el } from "./dom.js";
import { number, plural } from "./format.js";

/** A bar of the runs by state, out of `expected` runs if that is known, with the numbers in words. */
export function progress(counts, expected) {
  const states = Object.entries(counts); // in the server's words and order
  const begun = states.reduce((sum, [, count]) => sum + count, 0);
  const total = Math.max(begun, expected ?? 0, 1);
  const parts = states.map(([state, count]) =>
    el("span", { class: state.replaceAll(" ", "-"), style: `flex-basis:${(100 * count) / total}%` }),
  );
  const words = states.map(([state, count]) => `${count} ${state}`).join(", ");
  const of = expected ? ` of ${Number.isSafeInteger(expected) ? expected : number(expected)}` : "";
  return el(
    "div",
    { class: "progress" },
    el("div", { class: "track", "aria-hidden": "true" }, parts),
    el(
      "p",
      { class: "soft" },
      begun ? `${expected ? `${begun}${of} runs` : plural(begun, "run")}: ${words}` : "no runs yet",
    ),
  );
}
