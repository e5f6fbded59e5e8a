// The compare page: runs or sweeps of a project side by side.

import { fileAddress, projectOf } from "./address.js";
import { chartCards } from "./cards.js";
import { badge, button, el, empty, fill, linkTo } from "./dom.js";
import { duration, elapsed, plural, value } from "./format.js";
import { get, poll, refresh } from "./poll.js";
import { listIn, state } from "./state.js";

const project = projectOf(location.pathname);
const kind = state.get("sweeps") ? "sweeps" : "runs";
const data = `/-/data${location.pathname}`;
const url = (part, more = {}) =>
  `${data}${part}?${new URLSearchParams({ [kind]: state.get(kind) ?? "", ...more })}`;

/** Return the head of a column: a run or a sweep, and a button that removes it. */
function headOf({ name, title, href }) {
  const others = listIn(kind).filter((each) => each !== name);
  const remove = button("×", () => state.set({ [kind]: others.join(",") }, { push: true }));
  remove.setAttribute("aria-label", `Remove ${title}`);
  return el("th", { scope: "col" }, linkTo(href, title), others.length ? [" ", remove] : null);
}

/** Return a table with a row for each key and a column for each run or sweep. */
function sideBySide(title, heads, rows, cell = value) {
  const isAll = state.get("all") === "1";
  const shown = rows.filter((row) => row.differs || isAll || heads.length < 2);
  const row = ({ name, values, differs }) =>
    el(
      "tr",
      { class: differs ? null : "equal" },
      el("th", { scope: "row" }, name),
      values.map((each) => el("td", {}, cell(each, name))),
    );
  const frame = { class: "table-frame card", tabindex: "0", role: "region", "aria-label": title };
  const head = el("tr", {}, el("td", {}), heads.map(headOf));
  const hidden = rows.length - shown.length;
  return [
    el("h2", {}, title, hidden ? el("span", { class: "hint" }, ` ${hidden} equal not shown`) : null),
    shown.length
      ? el(
          "div",
          frame,
          el("table", { class: "sides" }, el("thead", {}, head), el("tbody", {}, shown.map(row))),
        )
      : empty(rows.length ? "No differences." : "Nothing is recorded."),
  ];
}

const asHead = (each) => ({ ...each, href: project[kind === "runs" ? "run" : "sweep"](each.name) });

const FACTS = [
  ["state", (run) => badge(run.state)],
  ["sweep", (run) => run.sweep && linkTo(project.sweep(run.sweep), run.sweep)],
  ["duration", (run) => duration(elapsed(run))],
];

async function showDifference(name) {
  const { lines, more } = await get(url("/difference", { file: name }));
  const look = (line) => (line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : null);
  const shown = lines.map((line) => el("span", { class: look(line) }, `${line}\n`));
  const rest = more ? `and ${plural(more, "more line")}` : "";
  fill("difference", el("h3", {}, name), el("pre", { class: "log", tabindex: "0" }, shown, rest));
}

function showCode(heads, rows) {
  document.getElementById("code-section").hidden = !rows.length;
  const differ = rows.filter((row) => row.differs);
  const open = differ.map(({ name }) => button(`Differences in ${name}`, () => showDifference(name)));
  const cell = (letter) => (letter ? `version ${letter}` : "–");
  fill("code", ...sideBySide("Files", heads, rows, cell).slice(1), el("div", { class: "chips" }, open));
}

function showImages(heads, rows) {
  document.getElementById("images-section").hidden = !rows.length;
  const cell = (image, head, key) => {
    if (!image) return el("td", {}, "–");
    const src = fileAddress(head.href, image.name);
    const img = el("img", { src, loading: "lazy", alt: `${key} of ${head.title} at step ${image.step}` });
    return el("td", {}, linkTo(src, img), el("p", { class: "hint" }, `step ${image.step}`));
  };
  const row = ({ key, images }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, key),
      images.map((image, i) => cell(image, heads[i], key)),
    );
  const frame = { class: "table-frame card", tabindex: "0", role: "region", "aria-label": "Images" };
  const head = el("tr", {}, el("td", {}), heads.map(headOf));
  fill(
    "images",
    el("div", frame, el("table", { class: "sides" }, el("thead", {}, head), el("tbody", {}, rows.map(row)))),
  );
}

const cards = chartCards({
  address: ({ source, name }, query) => (source ? `${source}?${query}` : url("/chart", { chart: name })),
  place: () => document.getElementById("charts"),
});

let view = null;

function show() {
  const heads = view[kind].map(asHead);
  fill("title", `Compare ${plural(heads.length, kind.slice(0, -1))}`);
  const box = el("input", {
    type: "checkbox",
    checked: state.get("all") === "1",
    onchange: () => state.set({ all: box.checked ? "1" : null }, { push: true }),
  });
  fill("tools", el("label", {}, box, " Show equal values"));
  const facts = FACTS.map(([name, of]) => ({ name, values: heads.map(of), differs: true }));
  const parts = view.tables.flatMap(({ title, rows }) => sideBySide(title, heads, rows));
  const head = kind === "runs" ? sideBySide("Runs", heads, facts, (each) => each) : [];
  fill("tables", head, parts);
  fill("message");
  cards.update(view.charts, JSON.stringify(heads));
  showImages(heads, view.images ?? []);
  showCode(heads, view.code ?? []);
}

poll(
  () => url(""),
  (found) => {
    view = found;
    show();
  },
);

state.onChange(() => {
  if (view) show();
  refresh();
});
