// DOM elements. Text is only ever added as text nodes, so logged text cannot become markup or script.

/** Return an HTML element. Attributes that start with `on` are event listeners. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity));
  return element;
}

/** Return a button. */
export const button = (text, onclick) => el("button", { type: "button", onclick }, text);
