// What the sections of the run page share.

import { button, el } from "./dom.js";
import { get } from "./poll.js";

/** The address of the run's data. */
export const data = `/-/data${location.pathname}`;

/** Return the data at an address below the run's, with a query. */
export const getData = (path, query) => get(data + path + (query ? `?${new URLSearchParams(query)}` : ""));

const shown = new Map();

/** Call `show` if the content of a section differs from what it shows, so that open parts stay open. */
export function ifChanged(section, content, show) {
  const text = JSON.stringify(content);
  if (shown.get(section) === text) return;
  shown.set(section, text);
  show(content);
}

/** Fill an element with a part of a page from the server, which has escaped the logged texts in it. */
export function fillPart(element, html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  element.replaceChildren(...parsed.body.childNodes);
  element.removeAttribute("aria-busy");
}

/** Load the content of a folded part when it is opened for the first time. */
async function loadPart({ target }) {
  if (!target.open || !target.dataset.load) return;
  const content = el("div");
  target.append(content);
  const address = target.dataset.load;
  delete target.dataset.load;
  fillPart(content, (await get(data + address)).html);
}
document.addEventListener("toggle", loadPart, true); // this event does not bubble

const watched = new Map();
const visible = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const state = watched.get(target);
      state.isVisible = isIntersecting;
      if (isIntersecting) state.show();
    }
  },
  { rootMargin: "300px" },
);

/** Call `show` when an element comes into view. Return a function that tells whether it is in view. */
export function whenVisible(element, show) {
  const state = { show, isVisible: false };
  watched.set(element, state);
  visible.observe(element);
  return () => state.isVisible;
}

/** Return buttons that copy the config or the summary. */
export const copyButtons = (what) =>
  ["yaml", "json"].map((language) =>
    button(`Copy ${language.toUpperCase()}`, async ({ target }) => {
      await copy((await getData("/values", { what, as: language })).text);
      target.textContent = "Copied";
    }),
  );

/** Copy a text. Over plain HTTP from another machine, a browser copies only what is selected. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = el("textarea", {}, text);
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  return area.remove();
}
