// Elements without markup: text only ever becomes text, so nothing a run logs can act in the page.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const el = (tag, attributes = {}, ...children) =>
  build(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  build(document.createElementNS(SVG, tag), attributes, children);

/** Fill the element with this id. */
export function fill(id, ...children) {
  const element = document.getElementById(id);
  element.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined),
  );
  element.removeAttribute("aria-busy");
  return element;
}

/** A message where there is nothing to show. */
export const empty = (...text) => el("p", { class: "empty" }, ...text);

/** Terms and their descriptions. */
export const definitions = (pairs) =>
  el(
    "dl",
    { class: "pairs" },
    pairs.map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]),
  );

export const badge = (state) =>
  el("span", { class: `badge ${state.replaceAll(" ", "-").toLowerCase()}` }, state.toLowerCase());

/** The address of a page or of data, each part escaped. */
export const address = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;
