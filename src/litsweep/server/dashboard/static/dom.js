// DOM elements. Text is only ever added as text nodes, so logged text cannot become markup or script.

const present = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined);

/** Return an HTML element. Attributes that start with `on` are event listeners. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Replace the content of the element with this id, and return the element. */
export function fill(id, ...children) {
  const element = document.getElementById(id);
  element.replaceChildren(...present(children));
  element.removeAttribute("aria-busy");
  return element;
}

/** Return the text that stands in for missing content. */
export const empty = (...text) => el("p", { class: "empty" }, ...text);

/** Return a button. */
export const button = (text, onclick) => el("button", { type: "button", onclick }, text);

/** Return a label in the colour of a state. */
export const badge = (state) =>
  el("span", { class: `badge ${state.replaceAll(" ", "-").toLowerCase()}` }, state.toLowerCase());
