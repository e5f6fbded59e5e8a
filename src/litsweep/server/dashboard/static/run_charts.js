// The charts of a run: metrics with the choices of a reader, and system metrics.

import { el, empty, fill } from "./dom.js";
import { drawFigure } from "./figure.js";
import { getData } from "./poll.js";
import { state } from "./state.js";
import { whenVisible } from "./visible.js";

const AXES = { own: "as defined", step: "step", time: "time since the start", wall: "wall time" };
const NAMES_PER_REQUEST = 20;
const places = new Map();
const chosen = (name) => state.get(`metrics.${name}`) ?? "";
const choose = (name, value) => state.set({ [`metrics.${name}`]: value });

const axis = el("select", { onchange: () => choose("x", axis.value) });
const smoothing = el("input", { type: "range", min: 0, max: 0.99, step: 0.01 });
const log = el("input", { type: "checkbox", onchange: () => choose("log", log.checked ? "y" : "") });
const search = el("input", { type: "search", placeholder: "Find metrics", "aria-label": "Find metrics" });
smoothing.addEventListener("change", () => choose("smoothing", Number(smoothing.value) || ""));
search.addEventListener("input", () => choose("show", search.value));
const label = (text, control) => el("label", {}, text, control);
const controls = document.getElementById("metric-controls");
controls.append(search, label("x axis", axis), label("smoothing", smoothing), label("log y", log));

/** Show the choices of the address in the controls and the charts. */
function showChoices() {
  axis.value = chosen("x") || "own";
  smoothing.value = chosen("smoothing") || 0;
  log.checked = chosen("log") === "y";
  if (search.value !== chosen("show")) search.value = chosen("show");
  for (const [name, place] of places) {
    place.since = 0;
    place.card.hidden = !name.toLowerCase().includes(search.value.toLowerCase());
  }
  return update();
}
state.onChange(showChoices);

function addPlace(name) {
  const body = el("div");
  const card = el("figure", { class: "card" }, el("figcaption", {}, name), body);
  document.getElementById("metrics").append(card);
  const place = { card, body, since: 0 };
  places.set(name, place);
  place.isVisible = whenVisible(card, () => place.since === 0 && scheduleUpdate());
}

let scheduled = 0;
function scheduleUpdate() {
  clearTimeout(scheduled);
  scheduled = setTimeout(update, 50);
}

/** Draw the charts in view whose metric was logged since they were drawn. */
async function update() {
  const inView = [...places].filter(([, place]) => place.isVisible());
  for (const since of new Set(inView.map(([, place]) => place.since))) {
    const names = inView.filter(([, place]) => place.since === since).map(([name]) => name);
    while (names.length) await drawSome(names.splice(0, NAMES_PER_REQUEST), since);
  }
}

async function drawSome(names, since) {
  const choices = ["x", "smoothing", "log"].map((name) => [name, chosen(name)]);
  const wanted = [...names.map((name) => ["name", name]), ...choices, ["since", since]];
  const { figures, lines } = await getData("/figures", wanted);
  for (const name of names) {
    places.get(name).since = lines;
    if (figures[name]) await drawFigure(places.get(name).body, figures[name]);
  }
}

/** Show the metrics' charts that are in view. */
export async function showMetrics() {
  const { charts, x } = await getData("/charts");
  controls.hidden = charts.length === 0;
  if (!charts.length) return fill("metrics", empty("No metric has two points yet."));
  if (!places.size) fill("metrics");
  const isNew = axis.options.length !== x.length;
  if (isNew) axis.replaceChildren(...x.map((name) => el("option", { value: name }, AXES[name] ?? name)));
  charts.filter((name) => !places.has(name)).forEach(addPlace);
  return isNew ? showChoices() : update();
}

const system = document.getElementById("system-section");

/** Return the element with this id, or one that `make` returns. */
function elementAt(id, make) {
  return document.getElementById(id) ?? make(el("div", { id }));
}

/** Show the system metrics if their section is open. */
export async function showSystem() {
  if (!system.open) return;
  const { groups } = await getData("/system");
  if (!groups.length) fill("system", empty("The run has no system metrics yet."));
  for (const { group, charts } of groups) {
    const box = elementAt(`system-${group}`, (made) => {
      made.className = "charts small";
      document.getElementById("system").append(el("h3", {}, group), made);
      return made;
    });
    for (const { name, figure } of charts) {
      const place = elementAt(`system-${group}-${name}`, (made) => {
        box.append(el("figure", { class: "card" }, el("figcaption", {}, name), made));
        return made;
      });
      drawFigure(place, figure);
    }
  }
}
system.addEventListener("toggle", showSystem);
