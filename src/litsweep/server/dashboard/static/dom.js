// DOM elements. Text is only ever added as text nodes, so logged text cannot become markup or script.

const SVG = "http://www.w3.org/2000/svg";

const present = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined);

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Return an HTML element. Attributes that start with `on` are event listeners. */
export const el = (tag, attributes = {}, ...children) =>
  build(document.createElement(tag), attributes, children);

/** Return an SVG element. */
export const svg = (tag, attributes = {}, ...children) =>
  build(document.createElementNS(SVG, tag), attributes, children);

/** Replace the content of the element with this id, and return the element. */
export function fill(id, ...children) {
  const element = document.getElementById(id);
  element.replaceChildren(...present(children));
  element.removeAttribute("aria-busy");
  return element;
}

/** Return a paragraph in a muted colour. */
export const soft = (...text) => el("p", { class: "soft" }, ...text);

/** Return the text that stands in for missing content. */
export const empty = (...text) => el("p", { class: "empty" }, ...text);

/** Return a link. */
export const linkTo = (href, ...text) => el("a", { href }, ...text);

/** Return a button. */
export const button = (text, onclick) => el("button", { type: "button", onclick }, text);

/** Return a list of items, or `message` if there are none. */
export const list = (look, items, message) =>
  items.length ? el("ul", { class: look }, items) : empty(message);

/** Return a description list of `[term, value]` pairs. */
export const definitions = (pairs) =>
  el(
    "dl",
    { class: "pairs" },
    pairs.map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]),
  );

/** Return a label in the colour of a state. */
export const badge = (state) =>
  el("span", { class: `badge ${state.replaceAll(" ", "-").toLowerCase()}` }, state.toLowerCase());
