// Why the search did what it did, in a word and in full.

import { definitions } from "./dom.js";
import { number, value } from "./format.js";

/** A few words for a table. */
export function brief(why) {
  const { method, rule, variant, fallback, ...rest } = why;
  const word = [method ?? rule, variant].filter((part) => typeof part === "string").join(", ");
  const figures = Object.entries(rest).filter(([, v]) => typeof v === "number").slice(0, 2)
    .map(([name, v]) => `${words(name)} ${number(v)}`);
  return [word, fallback && `fallback: ${fallback}`, ...figures].filter(Boolean).join("; ");
}

/** Everything that was recorded. */
export const full = (why) =>
  definitions(Object.entries(why).map(([name, v]) => [words(name), value(v)]));

export const words = (name) => name.replaceAll("_", " ");
