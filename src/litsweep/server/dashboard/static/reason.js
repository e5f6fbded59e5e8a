// The reason for a suggestion or a stop, in full.

import { definitions, el } from "./dom.js";

/** Labelled details. `runAddress` makes the address of a run that they name. */
export function full(details, runAddress) {
  const shown = (value) => {
    if (Array.isArray(value)) return full(value, runAddress);
    return value.run === undefined ? value : el("a", { href: runAddress(value.run) }, value.run);
  };
  return definitions(details.map(([label, value]) => [label, shown(value)]));
}
