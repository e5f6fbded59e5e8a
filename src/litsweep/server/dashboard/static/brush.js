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

function without(filter, clause) {
  if (filter === clause) return "";
  return filter.replace(` and ${clause}`, "").replace(`${clause} and `, "");
}

const joined = (filter, clause) =>
  [/ or /.test(filter) ? `(${filter})` : filter, clause].filter(Boolean).join(" and ");

function clear(axes = Object.keys(brushes())) {
  const left = brushes();
  let filter = state.get("filter") ?? "";
  for (const axis of axes) {
    if (left[axis]) filter = without(filter, left[axis][2]);
    delete left[axis];
  }
  state.set({ filter, [NAME]: Object.keys(left).length ? JSON.stringify(left) : null }, { push: true });
}

/** Add brushing to the drawn figure in `box`. `address` is the URL that returns the clause of a brush. */
export function addBrushes(box, address) {
  const chart = box.querySelector(".chart");
  const { axes } = chart.layout.meta;
  const layer = box.querySelector(".brushes") ?? connect(box, chart, address);
  const { xaxis, yaxis } = chart._fullLayout;
  const kept = brushes();
  const marks = axes.map(({ name, x }) => {
    if (!kept[name]) return null;
    const [low, high] = kept[name];
    const [top, bottom] = [yaxis.l2p(high), yaxis.l2p(low)];
    const left = xaxis._offset + xaxis.l2p(x) - 8;
    return el("div", { style: `left:${left}px;top:${yaxis._offset + top}px;height:${bottom - top}px` });
  });
  layer.replaceChildren(...marks.filter(Boolean));
  showRanges(box, axes, address);
}

async function setBrush(address, axis, low, high) {
  const range = [Math.max(0, Math.min(low, high)), Math.min(1, Math.max(low, high))];
  const [from, to] = range.map((position) => Number(position.toFixed(3)));
  const { clause } = await get(`${address}?${new URLSearchParams({ axis, low: from, high: to })}`);
  const { [axis]: old, ...others } = brushes();
  const filter = old ? without(state.get("filter") ?? "", old[2]) : (state.get("filter") ?? "");
  const kept = clause ? { ...others, [axis]: [from, to, clause] } : others;
  state.set({ filter: joined(filter, clause), [NAME]: JSON.stringify(kept) }, { push: true });
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
  const mark = el("div", {});
  chart.addEventListener("pointerdown", (event) => {
    start = event.button === 0 ? nearest(event) : null;
  });
  window.addEventListener("pointermove", (event) => {
    if (!start?.axis || Math.abs(event.clientY - start.at) < LEAST_PX) return;
    const { xaxis, yaxis } = chart._fullLayout;
    const [top, bottom] = [start.y, nearest(event).y].map((y) => yaxis.l2p(y)).sort((a, b) => a - b);
    const left = xaxis._offset + xaxis.l2p(start.axis.x) - 8;
    mark.style.cssText = `left:${left}px;top:${yaxis._offset + top}px;height:${bottom - top}px`;
    layer.append(mark);
  });
  window.addEventListener("pointerup", (event) => {
    const from = start;
    start = null;
    mark.remove();
    if (!from?.axis || Math.abs(event.clientY - from.at) < LEAST_PX) return;
    setBrush(address, from.axis.name, from.y, nearest(event).y);
  });
  const clearNearest = (event) => {
    const { axis } = nearest(event);
    clear(axis ? [axis.name] : undefined);
  };
  // Plotly covers the chart between mousedown and mouseup, so that no dblclick reaches it.
  chart.addEventListener("mousedown", (event) => event.detail === 2 && clearNearest(event), {
    capture: true,
  });
  box.addEventListener("keydown", (event) => event.key === "Escape" && clear());
  return layer;
}

/** Show the brushes as clauses with buttons that remove them, and two sliders for each axis. */
function showRanges(box, axes, address) {
  const kept = brushes();
  const ranges = box.querySelector(".ranges") ?? box.appendChild(makeRanges(axes, address));
  ranges.querySelector(".chips").replaceChildren(
    ...Object.entries(kept).map(([axis, [, , clause]]) => {
      const remove = button(`${clause} ×`, () => clear([axis]));
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
      setBrush(address, name, low.value / 100, high.value / 100);
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
