// Parts of a page, which the server renders. It has escaped the texts in them.

import "./anchor.js";
import { data } from "./address.js";
import { el } from "./dom.js";
import { ago, duration, time } from "./format.js";
import { get, setBusy } from "./poll.js";
import { showState } from "./state.js";

const shown = new WeakMap();

/** Return what is the same for an element before and after an update. */
const keyOf = ({ id, dataset, name, href, value, ariaLabel, textContent }) =>
  id || dataset.key || (dataset.state && dataset.state + value) || name || href || ariaLabel || textContent;

/** Show the time that has passed since a point in time, and between two of them. */
export function showTimes(root) {
  for (const each of root.querySelectorAll("[data-at]")) {
    each.title = time(each.dataset.at);
    each.textContent = ago(each.dataset.at);
  }
  for (const each of root.querySelectorAll("[data-from]"))
    each.textContent = duration((each.dataset.to || Date.now() / 1000) - each.dataset.from);
}

/** Replace the content of an element. What was open or had the focus stays so. */
function update(element, content) {
  const isFocused = element.contains(document.activeElement);
  const focused = isFocused && keyOf(document.activeElement);
  const open = [...element.querySelectorAll("details[open]")].map(keyOf);
  element.replaceChildren(...content);
  element.removeAttribute("aria-busy");
  for (const each of element.querySelectorAll("details")) each.open ||= open.includes(keyOf(each));
  const found = isFocused ? [...element.querySelectorAll("a, button, input, select, summary")] : [];
  (found.find((each) => keyOf(each) === focused) ?? found[0])?.focus();
  showState(element);
  showTimes(element);
}

/** Return the nodes of HTML from the server. */
export const nodesOf = (html) => new DOMParser().parseFromString(html, "text/html").body.childNodes;

/** Fill an element with HTML from the server. */
export const fillPart = (element, html) => update(element, nodesOf(html));

/** As `fillPart`, if the HTML differs from what the element shows. */
export function showPart(element, html) {
  if (shown.get(element) !== html) fillPart(element, html);
  shown.set(element, html);
}

/** Show the parts that differ from what is shown. They are HTML by the id of their element. */
export function showParts(parts) {
  for (const [id, html] of Object.entries(parts)) showPart(document.getElementById(id), html);
  setBusy(null);
  document.title = `${document.querySelector("h1").textContent} · litsweep`;
  showTimes(document);
}

/** Load what an open part shows, or what a button shows in another element. */
async function load(source, element) {
  fillPart(element, (await get(data + source.dataset.load)).html);
}

const loadDetails = (each) => load(each, each.querySelector(":scope > div") ?? each.appendChild(el("div")));

// This event does not bubble.
document.addEventListener(
  "toggle",
  ({ target }) => target.open && target.dataset.load && loadDetails(target),
  true,
);
const loadOpen = () => document.querySelectorAll("details[open][data-load]").forEach(loadDetails);
document.addEventListener("changed", loadOpen);
loadOpen(); // a reader may open one before this script runs
document.addEventListener("click", ({ target }) => {
  if (target.dataset.into) load(target, document.getElementById(target.dataset.into));
});
