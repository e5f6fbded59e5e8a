// Figures: Plotly's JSON from the server, drawn in the colours of the page, with their points as a table.

import { projectOf } from "./address.js";
import { el } from "./dom.js";
import { fillPart } from "./parts.js";
import { get } from "./poll.js";

const DOUBLE_CLICK_MS = 300;
const drawn = new Map();
const styles = getComputedStyle(document.documentElement);
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.data && target.clientWidth) Plotly.Plots.resize(target);
});

/** Return a copy with colours in place of the roles, such as `role:accent`. */
function painted(any, isColour = false) {
  if (Array.isArray(any)) return any.map((each) => painted(each, isColour));
  if (any !== null && typeof any === "object") {
    const paint = ([key, each]) => [key, painted(each, isColour || key.toLowerCase().includes("color"))];
    return Object.fromEntries(Object.entries(any).map(paint));
  }
  const isRole = isColour && typeof any === "string" && any.startsWith("role:");
  return isRole ? styles.getPropertyValue(`--${any.slice(5)}`).trim() : any;
}

const plain = (text) =>
  String(text ?? "")
    .replaceAll("<br>", ", ")
    .replace(/<\/?\w+>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&amp;", "&");

/** Return the names of the runs of a trace, one for each point or one for all. */
const runsOf = ({ customdata }) => (Array.isArray(customdata) ? customdata.flat() : [customdata]);

/** Return the points of the chosen runs as traces that lie over the others. */
function highlights(traces, chosen) {
  const over = { hoverinfo: "skip", hovertemplate: null, showlegend: false, opacity: 1 };
  return traces.flatMap((trace) => {
    const runs = runsOf(trace);
    if (trace.type !== "scatter" || !runs.some((run) => chosen.includes(run))) return [];
    if (runs.length < (trace.y?.length ?? 0))
      return [{ ...trace, ...over, line: { ...trace.line, color: "role:warn", width: 3.5 } }];
    const own = (values) => values?.filter((_, i) => chosen.includes(runs[i]));
    const marker = {
      symbol: "circle-open",
      size: 13,
      color: "role:warn",
      line: { width: 3, color: "role:warn" },
    };
    return [{ ...trace, ...over, x: own(trace.x), y: own(trace.y), text: null, mode: "markers", marker }];
  });
}

let plotly = null;

/** Load Plotly, once a figure needs it. To compile it takes so long that the rest of the page comes first. */
function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const onerror = () => {
      plotly = null;
      reject(new Error("The script that draws charts could not be loaded."));
    };
    const src = new URL("../plotly.min.js", import.meta.url).href;
    document.head.append(el("script", { src, onload: resolve, onerror }));
  });
  return plotly;
}

let opening = null;

/** Open the run of a point, unless a second click follows: a double click resets a chart. */
function open({ points, event }) {
  clearTimeout(opening);
  const [run] = runsOf({ customdata: points[0].customdata ?? points[0].data.customdata });
  if (!run || event.detail > 1) return;
  const url = projectOf(location.pathname).run(run);
  const go = () => (event.ctrlKey || event.metaKey ? window.open(url) : location.assign(url));
  opening = setTimeout(go, DOUBLE_CLICK_MS);
}

function partsOf(element) {
  if (drawn.has(element)) return drawn.get(element);
  const chart = el("div", { class: "chart", role: "img" });
  const note = el("p", { class: "hint note" });
  const points = el("div");
  const table = el("details", { class: "data" }, el("summary", {}, "Data"), points);
  element.replaceChildren(el("div", { class: "scroll" }, chart), note, table);
  const parts = { chart, note, table, points };
  table.addEventListener("toggle", () => showPoints(parts));
  drawn.set(element, parts);
  resized.observe(chart);
  return parts;
}

/** Show the points of a figure as a table, which the server makes, while the reader has it open. */
async function showPoints({ table, points, source }) {
  if (table.open) fillPart(points, (await get(source)).html ?? "");
}

async function paint({ chart, figure, chosen, revision, opens }) {
  const { data, layout } = painted({
    ...figure,
    data: [...figure.data, ...highlights(figure.data, chosen)],
  });
  const font = { ...layout.font, family: getComputedStyle(document.body).fontFamily };
  const { height, ...rest } = layout;
  if (height) chart.style.height = `${height}px`;
  if (layout.meta?.min_width) chart.parentElement.tabIndex = 0; // the arrow keys scroll it
  chart.style.minWidth = layout.meta?.min_width ? `${layout.meta.min_width}px` : "";
  await loadPlotly();
  const isNew = !chart.data;
  await Plotly.react(chart, data, { ...rest, font, uirevision: revision }, { displayModeBar: false });
  if (isNew && opens) chart.on("plotly_click", open);
}

/**
 * Draw a figure into `element`. `source` is the URL of its points as a table. `chosen` has the names of the runs
 * to highlight. The zoom is kept while `revision` is the same. With `opens`, a click on a point opens the run that
 * its `customdata` names.
 */
export async function drawFigure(
  element,
  figure,
  source,
  { chosen = [], revision = "", opens = false } = {},
) {
  const parts = Object.assign(partsOf(element), { figure, source, chosen, revision, opens });
  const { label = "", note = "" } = figure.layout.meta ?? {};
  parts.chart.setAttribute("aria-label", plain(label));
  parts.note.textContent = plain(note);
  await paint(parts);
  await showPoints(parts);
}

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [element, parts] of drawn) {
    if (element.isConnected) paint(parts);
    else drawn.delete(element);
  }
});
