// The filter, and the chosen runs and sweeps, which the whole page follows.

import { projectOf } from "./address.js";
import { button, el } from "./dom.js";
import { plural } from "./format.js";
import { listIn, state } from "./state.js";

const clear = (name) => button("Clear", () => state.set({ [name]: null }));

/** Return how many runs or sweeps are chosen, with a link that compares them; null if there are none. */
function chosen(kind) {
  const names = listIn(kind);
  const href = projectOf(location.pathname).compare(kind, names);
  const text = `${plural(names.length, kind.slice(0, -1))} chosen `;
  return names.length ? el("p", {}, text, el("a", { href }, "Compare"), " ", clear(kind)) : null;
}

/** Show the selection in a project's page, now and after each change. */
export function showSelection() {
  const show = () => {
    const filter = state.get("filter");
    const shown = filter && el("p", {}, "Filter ", el("code", {}, filter), " ", clear("filter"));
    const parts = [shown, chosen("runs"), chosen("sweeps")].filter(Boolean);
    document.getElementById("selection").replaceChildren(...parts);
  };
  state.onChange(show);
  show();
}
