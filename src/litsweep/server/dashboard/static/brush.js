// Brushes on the axes of parallel coordinates. Each brush becomes a clause of the filter in the URL.

import { button, el } from "./dom.js";
import { get } from "./poll.js";
import { state } from "./state.js";

const NAME = "parallel.brush";
const REACH_PX = 24;
const LEAST_PX = 4;

/** Return the brushes as `{axis: [low, high, clause]}`, without those whose clause has left the filter. */
function brushes() {
  const filter = state.get("filter") ?? "";
  const found = Object.entries(JSON.parse(state.get(NAME) ?? "{}"));
  return Object.fromEntries(found.filter(([, [, , clause]]) => filter.includes(clause)));
}

/** Set the brush of an axis, or of all of them. One over the whole axis clears it. */
async function setBrush(address, axis, ends = [0, 1]) {
  const [low, high] = ends.map((end) => Math.min(1, Math.max(0, end)).toFixed(3)).sort();
  const query = { axis, low, high, filter: state.get("filter") ?? "", brushes: state.get(NAME) ?? "{}" };
  const { filter, brushes } = await get(`${address}?${new URLSearchParams(query)}`);
  state.set({ filter, [NAME]: brushes });
}

/** Return the mark of a brush at the place x of an axis. */
function markOf(chart, x, ends) {
  const { xaxis, yaxis } = chart._fullLayout;
  const [top, bottom] = ends.map((end) => yaxis.l2p(end)).sort((one, other) => one - other);
  const left = xaxis._offset + xaxis.l2p(x) - 8;
  return el("div", { style: `left:${left}px;top:${yaxis._offset + top}px;height:${bottom - top}px` });
}

/** Add brushing to the drawn figure in `box`. `address` is the URL that changes the filter and the brushes. */
export function addBrushes(box, address) {
  const chart = box.querySelector(".chart");
  const { axes } = chart.layout.meta;
  const layer = box.querySelector(".brushes") ?? connect(box, chart, address);
  const kept = brushes();
  const brushed = axes.filter(({ name }) => kept[name]);
  layer.replaceChildren(...brushed.map(({ name, x }) => markOf(chart, x, kept[name].slice(0, 2))));
  showRanges(box, axes, address);
}

/** Return the layer of the brushes' marks, after adding the listeners of pointer and keys to the chart. */
function connect(box, chart, address) {
  const layer = el("div", { class: "brushes" });
  box.querySelector(".scroll").append(layer);
  let start = null;
  const nearest = (event) => {
    const { xaxis, yaxis } = chart._fullLayout;
    const place = chart.getBoundingClientRect();
    const across = event.clientX - place.left - xaxis._offset;
    const y = yaxis.p2l(event.clientY - place.top - yaxis._offset);
    const distance = ({ x }) => Math.abs(xaxis.l2p(x) - across);
    const axis = chart.layout.meta.axes.reduce((one, other) =>
      distance(other) < distance(one) ? other : one,
    );
    return { axis: distance(axis) <= REACH_PX ? axis : null, y, at: event.clientY };
  };
  let mark = null;
  chart.addEventListener("pointerdown", (event) => {
    start = event.button === 0 ? nearest(event) : null;
  });
  const isDrag = (from, event) => from?.axis && Math.abs(event.clientY - from.at) >= LEAST_PX;
  window.addEventListener("pointermove", (event) => {
    if (!isDrag(start, event)) return;
    mark?.remove();
    mark = markOf(chart, start.axis.x, [start.y, nearest(event).y]);
    layer.append(mark);
  });
  window.addEventListener("pointerup", (event) => {
    const from = start;
    start = null;
    mark?.remove();
    if (isDrag(from, event)) setBrush(address, from.axis.name, [from.y, nearest(event).y]);
  });
  const clearNearest = (event) => setBrush(address, nearest(event).axis?.name ?? "");
  // Plotly covers the chart between mousedown and mouseup, so that no dblclick reaches it.
  chart.addEventListener("mousedown", (event) => event.detail === 2 && clearNearest(event), {
    capture: true,
  });
  box.addEventListener("keydown", (event) => event.key === "Escape" && setBrush(address, ""));
  return layer;
}

/** Show the brushes as clauses with buttons that remove them, and two sliders for each axis. */
function showRanges(box, axes, address) {
  const kept = brushes();
  const ranges = box.querySelector(".ranges") ?? box.appendChild(makeRanges(axes, address));
  ranges.querySelector(".chips").replaceChildren(
    ...Object.entries(kept).map(([axis, [, , clause]]) => {
      const remove = button(`${clause} ×`, () => setBrush(address, axis));
      remove.setAttribute("aria-label", `Remove ${clause}`);
      return remove;
    }),
  );
  for (const input of ranges.querySelectorAll("input")) {
    const [low, high] = kept[input.dataset.axis] ?? [0, 1];
    if (input !== document.activeElement) input.value = 100 * (input.dataset.end === "low" ? low : high);
  }
}

function makeRanges(axes, address) {
  const slider = ({ name, title }, end) => {
    const label = `${title}, ${end === "low" ? "from" : "to"}`;
    const onchange = (event) => {
      const [low, high] = [...event.target.closest("fieldset").querySelectorAll("input")];
      setBrush(address, name, [low.value / 100, high.value / 100]);
    };
    const data = { "data-axis": name, "data-end": end, "aria-label": label };
    return el("input", { type: "range", min: 0, max: 100, step: 5, ...data, onchange });
  };
  const fields = axes.map((axis) =>
    el("fieldset", {}, el("legend", {}, axis.title), slider(axis, "low"), slider(axis, "high")),
  );
  return el(
    "div",
    { class: "ranges" },
    el("div", { class: "chips" }),
    el("p", { class: "hint" }, "Drag along an axis to select runs. A double click or Escape clears."),
    el("details", {}, el("summary", {}, "Ranges"), el("div", { class: "sliders" }, fields)),
  );
}
