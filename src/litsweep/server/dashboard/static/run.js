// The page of a run.

import { fileAddress, projectOf } from "./address.js";
import { colour, draw } from "./charts.js";
import { consoleText } from "./console.js";
import { control } from "./control.js";
import { badge, button, definitions, el, empty, fill, linkTo, list, soft } from "./dom.js";
import { ago, bytes, duration, elapsed, number, plural, time, value } from "./format.js";
import { get, poll } from "./poll.js";
import { details } from "./reason.js";

const project = projectOf(location.pathname);
const data = `/-/data${location.pathname}`;
const fileHref = (name) => fileAddress(location.pathname, name);

function showHead({ run }) {
  document.title = `${run.title} · litsweep`;
  const facts = [run.title !== run.name && `run ${run.name}`, run.host, run.program];
  fill(
    "head",
    el("div", { class: "row start" }, el("h1", {}, run.title), badge(run.state)),
    soft(facts.filter(Boolean).join(" · ")),
    soft(
      el("time", { title: time(run.created) }, `created ${ago(run.created)}`),
      ` · duration ${duration(elapsed(run))}`,
    ),
    run.notes ? el("p", {}, run.notes) : null,
  );
  if (!run.sweep) return;
  fill("sweep-crumb", linkTo(project.sweep(run.sweep.name), run.sweep.title)).hidden = false;
}

function showNotices({ run, stop }) {
  const notices = [];
  if (run.failure && run.is_broken) {
    const exit = run.exitcode === null ? "" : ` (exit code ${run.exitcode})`;
    const text = `Ended without a result: ${run.failure}${exit}.`;
    notices.push(el("p", { class: "notice bad" }, text));
  }
  if (stop) {
    const by = stop.by === "search" ? "Stopped early by the search" : "Stopped by a user";
    notices.push(el("p", { class: "notice" }, stop.reason ? `${by}: ${stop.reason}.` : `${by}.`));
  }
  fill("notices", notices);
}

function showSummary(summary, metric) {
  const heads = ["Metric", "Last", "Lowest", "Highest"];
  const headCell = (title, i) => el("th", { scope: "col", class: i ? "number" : null }, title);
  const cell = (figure, isBest) => el("td", { class: isBest ? "number strong" : "number" }, number(figure));
  const row = ([name, { last, min, max, best }]) =>
    el(
      "tr",
      { class: name === metric ? "best" : null },
      el("th", { scope: "row" }, name),
      cell(last, false),
      cell(min, best !== null && best === min),
      cell(max, best !== null && best === max),
    );
  const rows = Object.entries(summary).map(row);
  if (!rows.length) return fill("summary", empty("The run has logged no metric yet."));
  const content = el("table", {}, el("thead", {}, el("tr", {}, heads.map(headCell))), el("tbody", {}, rows));
  return fill("summary", el("div", { class: "table-frame" }, content));
}

/** Show the parameters of the sweep, and a folded list of the rest of the config. */
function showConfig({ config, swept }) {
  const rest = Object.keys(config).filter((name) => !swept.includes(name));
  const pairs = (names) => definitions(names.map((name) => [name, value(config[name])]));
  if (!swept.length) return fill("config", rest.length ? pairs(rest) : empty("The config is empty."));
  const folded = el("details", {}, el("summary", {}, `${rest.length} more`), pairs(rest));
  return fill("config", pairs(swept), rest.length ? folded : null);
}

function showReason({ reason, run }) {
  if (reason.length) return fill("reason", details(reason, project.run));
  return fill("reason", empty(run.sweep ? "No reason is recorded." : "The run is not part of a sweep."));
}

const charts = new Map();

function chartFor(id, name) {
  if (!charts.has(id + name)) {
    const chart = el("div", { class: "chart" });
    charts.set(id + name, chart);
    document.getElementById(id).append(el("figure", { class: "card" }, el("figcaption", {}, name), chart));
  }
  return charts.get(id + name);
}

/** Draw one chart for each metric with more than one point. */
function drawCurves(id, curves, metric, unit) {
  const shown = Object.entries(curves).filter(([, [x]]) => x.length > 1);
  if (!shown.length) return fill(id, empty("No metric has two points yet."));
  const place = document.getElementById(id);
  place.removeAttribute("aria-busy");
  place.querySelector(".empty")?.remove();
  for (const [name, [x, y]] of shown) {
    const traces = () => {
      const color = colour(name === metric ? "accent" : "second");
      const mode = x.length < 40 ? "lines+markers" : "lines";
      const hovertemplate = `${unit} %{x}: %{y:.6g}<extra></extra>`;
      return [
        { type: "scatter", mode, x, y, line: { color, width: 2 }, marker: { color, size: 5 }, hovertemplate },
      ];
    };
    const label = `${name} over ${x.length} points; last ${number(y.at(-1))}`;
    draw(chartFor(id, name), { traces, x: unit, y: "", label });
  }
  return place;
}

const system = document.getElementById("system-section");

async function showSystem() {
  if (!system.open) return;
  const { curves } = await get(`${data}/system`);
  drawCurves("system", curves, null, "second");
}
system.addEventListener("toggle", showSystem);

function showImages(groups) {
  document.getElementById("images-section").hidden = groups.length === 0;
  const item = (key, { name, step }) => {
    const src = fileHref(name);
    const alt = step === null ? key : `${key} at step ${step}`;
    const caption = el("span", { class: "soft" }, step === null ? "" : `step ${step}`);
    return el("li", {}, linkTo(src, el("img", { src, loading: "lazy", alt })), caption);
  };
  const card = ({ key, images }) =>
    el(
      "div",
      { class: "card" },
      el("h3", {}, key),
      list(
        "images",
        images.map((image) => item(key, image)),
      ),
    );
  fill("images", groups.map(card));
}

function showFiles({ files, artifacts }) {
  const item = (name, facts) => el("li", {}, el("span", {}, name), el("span", { class: "soft" }, facts));
  const fileItem = ({ name, size }) => item(linkTo(fileHref(name), name), bytes(size));
  const artifactItem = ({ role, name, type, files: count, size }) =>
    item(
      [el("span", { class: "badge" }, role), ` ${name}`],
      `${type}, ${plural(count, "file")}, ${bytes(size)}`,
    );
  fill("files", list("list", files.map(fileItem), "No files."));
  fill("artifacts", list("list", artifacts.map(artifactItem), "No artifacts."));
}

const LINES_PER_CLICK = 5000;
let logStart = null;
const log = el("pre", { class: "log", tabindex: "0", "aria-label": "Console output" });
const earlier = button("Show earlier lines", () => {
  logStart = Math.max(0, logStart - LINES_PER_CLICK);
  return showLog();
});

async function showLog() {
  const { start, lines } = await get(`${data}/log${logStart === null ? "" : `?from=${logStart}`}`);
  if (!lines.length) return fill("log", empty("The run has printed nothing yet."));
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const isFirst = !log.isConnected;
  if (isFirst) fill("log", earlier, log);
  logStart = start;
  earlier.hidden = start === 0;
  log.textContent = lines.map(consoleText).join("\n");
  if (isAtEnd || isFirst) log.scrollTop = log.scrollHeight;
}

poll(data, async (view) => {
  showHead(view);
  control(document.getElementById("controls"), view);
  showNotices(view);
  showConfig(view);
  showReason(view);
  showImages(view.images);
  showFiles(view);
  const { curves, summary } = await get(`${data}/history`);
  showSummary(summary, view.metric);
  drawCurves("metrics", curves, view.metric, "step");
  await showLog();
  await showSystem();
});
