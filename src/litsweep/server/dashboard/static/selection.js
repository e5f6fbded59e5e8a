// The filter, and the chosen runs and sweeps, which the whole page follows.

import { button, el, fill, linkTo } from "./dom.js";
import { plural } from "./format.js";
import { listIn, state } from "./state.js";

const clear = (name) => button("Clear", () => state.set({ [name]: null }, { push: true }));

/** Return how many runs or sweeps are chosen, with a link that compares them; null if there are none. */
function chosen(project, kind) {
  const names = listIn(kind);
  if (!names.length) return null;
  const text = `${plural(names.length, kind.slice(0, -1))} chosen `;
  return el("p", {}, text, linkTo(project.compare({ [kind]: names }), "Compare"), " ", clear(kind));
}

/** Show the selection in a project's page, now and after each change. */
export function showSelection(project) {
  const show = () => {
    const filter = state.get("filter");
    const shown = filter ? el("p", {}, "Filter ", el("code", {}, filter), " ", clear("filter")) : null;
    fill("selection", shown, chosen(project, "runs"), chosen(project, "sweeps"));
  };
  state.onChange(show);
  show();
}
