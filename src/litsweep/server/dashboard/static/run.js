// The page of a run.

import { projectOf } from "./address.js";
import { badge, definitions, el, empty, fill, linkTo, soft } from "./dom.js";
import { ago, duration, elapsed, number, plural, time } from "./format.js";
import { poll } from "./poll.js";
import { details } from "./reason.js";
import { showMetrics, showSystem } from "./run_charts.js";
import { showLog } from "./run_log.js";
import { showMedia } from "./run_media.js";
import { copyButtons, data, fillPart, getData, ifChanged, longText } from "./run_parts.js";

const project = projectOf(location.pathname);

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
    run.tags.length ? soft(`tags: ${run.tags.join(", ")}`) : null,
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

function showSummary({ summary, metric, texts }) {
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
  const others = definitions(Object.entries(texts).map(([name, text]) => [name, longText(text)]));
  if (!rows.length) return fill("summary", empty("The run has logged no metric yet."), others);
  const content = el("table", {}, el("thead", {}, el("tr", {}, heads.map(headCell))), el("tbody", {}, rows));
  return fill("summary", el("div", { class: "table-frame" }, content), others);
}

/** Show the parameters of the sweep, and a folded list of the rest of the config. */
function showConfig({ config, swept }) {
  const rest = Object.keys(config).filter((name) => !swept.includes(name));
  const pairs = (names) => definitions(names.map((name) => [name, longText(config[name])]));
  if (!swept.length) return fill("config", rest.length ? pairs(rest) : empty("The config is empty."));
  const others = el("details", {}, el("summary", {}, `${plural(rest.length, "more value")}`), pairs(rest));
  return fill("config", pairs(swept), rest.length ? others : null);
}

function showReason({ reason, run }) {
  if (reason.length) return fill("reason", details(reason, project.run));
  return fill("reason", empty(run.sweep ? "No reason is recorded." : "The run is not part of a sweep."));
}

fill("summary-tools", copyButtons("summary"));
fill("config-tools", copyButtons("config"));

poll(data, async (view) => {
  showHead(view);
  showNotices(view);
  ifChanged("config", { config: view.config, swept: view.swept }, showConfig);
  ifChanged("reason", { reason: view.reason, run: { sweep: view.run.sweep } }, showReason);
  for (const [id, html] of Object.entries(await getData("/parts")))
    ifChanged(id, html, () => fillPart(document.getElementById(id), html));
  const { summary } = await getData("/summary");
  ifChanged("summary", { summary, metric: view.metric, texts: view.texts }, showSummary);
  showMedia(view.media);
  await showMetrics();
  await showLog();
  await showSystem();
});
