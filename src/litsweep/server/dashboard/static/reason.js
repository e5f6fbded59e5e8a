// Why the search did what it did, in a few words and in full.

import { definitions, el } from "./dom.js";
import { number, value } from "./format.js";

export const words = (name) => name.replaceAll("_", " ");

const prediction = (of) => `${number(of.predicted_mean)} ± ${number(of.predicted_deviation)}`;

// What these hold is listed by the names of parameters or metrics, which are left as they are.
const BY_NAME = ["differs", "inputs", "predicted"];

/** A few words for a table or a sentence. */
export function brief(why) {
  if (why.chance !== undefined)
    return `${words(why.rule)}: ${number(why.value)} after ${number(why.iteration)} values, with a chance of ${number(why.chance)} to get beyond ${number(why.threshold)}`;
  if (why.rule && why.threshold !== undefined) {
    return `${words(why.rule)}: ${number(why.value)} after ${number(why.iteration)} values, the threshold is ${number(why.threshold)}`;
  }
  if (why.predicted_mean !== undefined) return `predicted ${prediction(why)}`;
  if (why.predicted !== undefined) {
    const each = Object.entries(why.predicted).map(([metric, of]) => `${metric} ${prediction(of)}`);
    return `predicted ${each.join(", ")}`;
  }
  return [why.method ?? why.rule, why.fallback && `fallback: ${why.fallback}`].filter(Boolean).join(", ");
}

/** Everything that was recorded. `runAddress` makes the address of a run that is named. */
export function full(why, runAddress) {
  const describe = (name, thing) => {
    if (name === "run") return el("a", { href: runAddress(thing) }, thing);
    if (Array.isArray(thing)) return thing.map(value).join(name === "differs" ? " → " : ", ");
    if (thing === null || typeof thing !== "object") return value(thing);
    const isByName = BY_NAME.includes(name);
    return definitions(
      Object.entries(thing).map(([key, inner]) => [
        isByName ? key : words(key),
        describe(Array.isArray(inner) && isByName ? name : key, inner),
      ]),
    );
  };
  return definitions(Object.entries(why).map(([name, thing]) => [words(name), describe(name, thing)]));
}
