// The charts of a run: metrics with the choices of a reader, and system metrics.

import { data } from "./address.js";
import { el } from "./dom.js";
import { drawFigure } from "./figure.js";
import { showParts } from "./parts.js";
import { getData } from "./poll.js";
import { state } from "./state.js";
import { whenVisible } from "./visible.js";

const NAMES_PER_REQUEST = 20;
const places = new Map();
const chosen = (name) => state.get(`metrics.${name}`) ?? "";

/** Show the choices of the address in the charts. */
function showChoices() {
  for (const [name, place] of places) {
    place.since = 0;
    place.card.hidden = !name.toLowerCase().includes(chosen("show").toLowerCase());
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
  const wanted = [...names.map((name) => ["name", name]), ...choices];
  const { figures, lines } = await getData("/figures", [...wanted, ["since", since]]);
  for (const name of names) {
    places.get(name).since = lines;
    const table = new URLSearchParams([...wanted, ["table", "figures"], ["table", name]]);
    if (figures[name]) await drawFigure(places.get(name).body, figures[name], `${data}/figures?${table}`);
  }
}

/** Show the metrics' charts that are in view. */
export async function showMetrics() {
  const { charts, html } = await getData("/charts");
  showParts(html);
  const added = charts.filter((name) => !places.has(name));
  added.forEach(addPlace);
  return added.length ? showChoices() : update();
}

const system = document.getElementById("system-section");

/** Show the system metrics if their section is open. */
export async function showSystem() {
  if (!system.open) return;
  const { groups, html } = await getData("/system");
  showParts(html);
  groups.forEach(({ charts }, i) => {
    charts.forEach(({ figure }, j) => {
      const table = `table=groups&table=${i}&table=charts&table=${j}&table=figure`;
      drawFigure(document.getElementById(`system-${i}-${j}`), figure, `${data}/system?${table}`);
    });
  });
}
system.addEventListener("toggle", showSystem);
