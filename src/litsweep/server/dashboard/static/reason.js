// The reason for a suggestion.

import { definitions, linkTo } from "./dom.js";

/** Return a list of `[label, value]` pairs. A value is a text, more pairs, or a run, which becomes a link. */
export function details(pairs, runAddress) {
  const shown = (value) => {
    if (Array.isArray(value)) return details(value, runAddress);
    return value.run === undefined ? value : linkTo(runAddress(value.run), value.run);
  };
  return definitions(pairs.map(([label, value]) => [label, shown(value)]));
}
