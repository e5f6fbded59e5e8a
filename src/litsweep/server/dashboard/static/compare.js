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

/** Return a table with a column for each run or sweep. A row is `[head, cells, look]`. */
function framed(title, heads, rows) {
  const head = el("tr", {}, el("td", {}), heads.map(headOf));
  const row = ([name, cells, look]) =>
    el(
      "tr",
      { class: look },
      el("th", { scope: "row" }, name),
      cells.map((cell) => el("td", {}, cell)),
    );
  const look = { class: "sides", style: `--sides: ${heads.length + 1}` };
  const table = el("table", look, el("thead", {}, head), el("tbody", {}, rows.map(row)));
  return el("div", { class: "table-frame card", tabindex: "0", role: "region", "aria-label": title }, table);
}

/** Return a titled table, without the rows whose values are equal. */
function sideBySide(title, heads, rows, cell = value) {
  const shown = rows.filter((row) => row.differs || state.get("all") === "1" || heads.length < 2);
  const hidden = rows.length - shown.length;
  const cells = shown.map((row) => [
    row.name,
    row.values.map((each) => cell(each)),
    row.differs ? null : "equal",
  ]);
  return [
    el(
      "h2",
      {},
      title,
      hidden ? el("span", { class: "hint" }, ` ${plural(hidden, "equal row")} hidden`) : null,
    ),
    shown.length
      ? framed(title, heads, cells)
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
  const cell = (image, { href, title }, key) => {
    if (!image) return "–";
    const src = fileAddress(href, image.name);
    const img = el("img", { src, loading: "lazy", alt: `${key} of ${title} at step ${image.step}` });
    return [linkTo(src, img), el("p", { class: "hint" }, `step ${image.step}`)];
  };
  const row = ({ key, images }) => [key, images.map((image, i) => cell(image, heads[i], key))];
  fill("images", rows.length ? framed("Images", heads, rows.map(row)) : null);
}

const cards = chartCards({
  address: ({ source, name }, query) =>
    source ? `/-/data${project.home}/${source}?${query}` : `${url("/chart", { chart: name })}&${query}`,
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
  const facts = (kind === "runs" ? FACTS : []).map(([name, of]) => [name, heads.map(of)]);
  const head = facts.length ? framed("Runs", heads, facts) : null;
  const parts = view.tables.flatMap(({ title, rows }) => sideBySide(title, heads, rows));
  fill("tables", head, parts);
  fill("message");
  const tag = JSON.stringify(heads);
  cards.update(view.charts.map((chart) => ({ ...chart, tag })));
  showImages(heads, view.images ?? []);
  showCode(heads, view.code ?? []);
}

if (listIn(kind).length) {
  poll(
    () => url(""),
    (found) => {
      view = found;
      show();
    },
  );
} else {
  fill("message", empty("Choose runs in a table, or sweeps on the page of their project, and then Compare."));
}

state.onChange(() => {
  if (view) show();
  refresh();
});
