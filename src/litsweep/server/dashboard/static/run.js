// The page of a run.

import { projectOf } from "./address.js";
import { control } from "./control.js";
import { badge, el, empty, fill, linkTo, soft } from "./dom.js";
import { ago, duration, elapsed, time } from "./format.js";
import { poll } from "./poll.js";
import { details } from "./reason.js";
import { showMetrics, showSystem } from "./run_charts.js";
import { showLog } from "./run_log.js";
import { showMedia } from "./run_media.js";
import { copyButtons, data, fillPart, getData, ifChanged } from "./run_parts.js";

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

const STOPPED = { search: "Stopped early by the search", pause: "Paused by the search" };

function showNotices({ run, stop }) {
  const notices = [];
  if (run.failure && run.is_broken) {
    const exit = run.exitcode === null ? "" : ` (exit code ${run.exitcode})`;
    const text = `Ended without a result: ${run.failure}${exit}.`;
    notices.push(el("p", { class: "notice bad" }, text));
  }
  if (stop) {
    const by = STOPPED[stop.by] ?? "Stopped by a user";
    notices.push(el("p", { class: "notice" }, stop.reason ? `${by}: ${stop.reason}.` : `${by}.`));
  }
  fill("notices", notices);
}

function showReason({ reason, run }) {
  if (reason.length) return fill("reason", details(reason, project.run));
  return fill("reason", empty(run.sweep ? "No reason is recorded." : "The run is not part of a sweep."));
}

function showParts(parts) {
  for (const [id, html] of Object.entries(parts))
    ifChanged(id, html, () => fillPart(document.getElementById(id), html));
}

fill("summary-tools", copyButtons("summary"));
fill("config-tools", copyButtons("config"));

poll(data, async (view) => {
  showHead(view);
  control(document.getElementById("controls"), view);
  showNotices(view);
  ifChanged("reason", { reason: view.reason, run: { sweep: view.run.sweep } }, showReason);
  showParts((await getData("/summary")).html);
  showParts(await getData("/parts"));
  showMedia(view.media);
  await showMetrics();
  await showLog();
  await showSystem();
});
