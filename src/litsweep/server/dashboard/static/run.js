import { colour, draw } from "./charts.js";
import { consoleText } from "./console.js";
import { address, badge, definitions, el, empty, fill } from "./dom.js";
import { ago, bytes, duration, elapsed, inOrder, number, plural, time, value } from "./format.js";
import { get, poll } from "./poll.js";
import { full } from "./reason.js";

const [, entity, project] = location.pathname.split("/").map(decodeURIComponent);
const data = `/-/data${location.pathname}`;
const fileAddress = (file) =>
  `/-/file${location.pathname}/${file.split("/").map(encodeURIComponent).join("/")}`;

function showHead({ run, stop }) {
  document.title = `${run.title} · litsweep`;
  fill(
    "head",
    el("div", { class: "row start" }, el("h1", {}, run.title), badge(run.state)),
    el(
      "p",
      { class: "soft" },
      [run.title !== run.name && `run ${run.name}`, run.host, run.program].filter(Boolean).join(" · "),
    ),
    el(
      "p",
      { class: "soft" },
      el("time", { title: time(run.created) }, `begun ${ago(run.created)}`),
      `, took ${duration(elapsed(run))}`,
    ),
    run.notes ? el("p", {}, run.notes) : null,
  );
  const notices = [];
  if (run.failure && run.state !== "killed") // a killed run counts with what it reached
    notices.push(
      el(
        "p",
        { class: "notice bad" },
        `Ended without a result: ${run.failure.replaceAll("_", " ")}${run.exitcode === null ? "" : ` (exit code ${run.exitcode})`}.`,
      ),
    );
  if (stop)
    notices.push(
      el(
        "p",
        { class: "notice" },
        `${stop.by === "search" ? "Stopped early by the search" : "Stopped by a person"}${stop.why ? `: ${stop.why}` : ""}.`,
      ),
    );
  fill("notices", notices);
  if (run.sweep) {
    const crumb = fill(
      "sweep-crumb",
      el("a", { href: address(entity, project, "sweeps", run.sweep.name) }, run.sweep.title),
    );
    crumb.hidden = false;
  }
}

function showSummary(last, extremes, metric) {
  const names = inOrder(new Set([...Object.keys(last), ...Object.keys(extremes)]), metric);
  if (!names.length) return fill("summary", empty("Nothing logged yet."));
  const cell = (figure, isBest) => el("td", { class: isBest ? "number strong" : "number" }, number(figure));
  const row = (key) => {
    const { min = null, max = null, best = null } = extremes[key] ?? {};
    return el(
      "tr",
      { class: key === metric ? "best" : null },
      el("th", { scope: "row" }, key),
      cell(last[key] ?? extremes[key]?.last),
      cell(min, best !== null && best === min),
      cell(max, best !== null && best === max),
    );
  };
  return fill(
    "summary",
    el(
      "div",
      { class: "table-frame" },
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ["Metric", "Last", "Lowest", "Highest"].map((title, i) =>
              el("th", { scope: "col", class: i ? "number" : null }, title),
            ),
          ),
        ),
        el("tbody", {}, names.map(row)),
      ),
    ),
  );
}

/** The config: first what the sweep chose, then the rest by name. */
function showConfig(config, swept) {
  const rest = Object.keys(config)
    .filter((key) => !swept.includes(key))
    .sort();
  const chosen = swept.filter((key) => key in config);
  if (!chosen.length && !rest.length) return fill("config", empty("Empty."));
  const pairs = (keys) => definitions(keys.map((key) => [key, value(config[key])]));
  if (!chosen.length) return fill("config", pairs(rest));
  return fill(
    "config",
    pairs(chosen),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more`), pairs(rest)) : null,
  );
}

function showWhy({ why, run }) {
  if (why.length)
    return fill(
      "why",
      full(why, (other) => address(entity, project, "runs", other)),
    );
  return fill("why", empty(run.sweep ? "The sweep did not record a reason." : "Started by hand."));
}

const charts = new Map();

/** One chart for each metric with more than one value; a single one is a figure in the summary. */
function drawCurves(id, curves, metric, unit) {
  const names = inOrder(
    Object.keys(curves).filter((key) => curves[key][0].length > 1),
    metric,
  );
  if (!names.length) return fill(id, empty("Nothing to draw yet."));
  const place = document.getElementById(id);
  place.removeAttribute("aria-busy");
  place.querySelector(".empty")?.remove();
  for (const key of names) {
    const chart = charts.get(id + key) ?? el("div", { class: "chart" });
    if (!charts.has(id + key)) {
      charts.set(id + key, chart);
      place.append(el("figure", { class: "card" }, el("figcaption", {}, key), chart));
    }
    const [x, y] = curves[key];
    const look = () => colour(key === metric ? "accent" : "second");
    const traces = () => [
      {
        type: "scatter",
        mode: x.length < 40 ? "lines+markers" : "lines",
        x,
        y,
        line: { color: look(), width: 2 },
        marker: { color: look(), size: 5 },
        hovertemplate: `${unit} %{x}: %{y:.6g}<extra></extra>`,
      },
    ];
    draw(chart, {
      traces,
      x: unit,
      y: "",
      label: `${key} over ${x.length} points; last ${number(y.at(-1))}`,
    });
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

const IMAGES_FOR_EACH_KEY = 8;

/** Media files are called media/images/KEY_STEP_HASH.png. */
function imageKey(file) {
  const found = /^media\/images\/(.*)_(\d+)_[0-9a-f]+\.\w+$/.exec(file);
  return found ? [found[1], Number(found[2])] : [file, null];
}

function showImages(files) {
  const groups = new Map();
  for (const file of files.filter((f) => f.type.startsWith("image/"))) {
    const [key, step] = imageKey(file.name);
    groups.set(key, [...(groups.get(key) ?? []), { ...file, step }]);
  }
  document.getElementById("images-section").hidden = groups.size === 0;
  fill(
    "images",
    [...groups].map(([key, images]) =>
      el(
        "div",
        { class: "card" },
        el("h3", {}, key),
        el(
          "ul",
          { class: "images" },
          images
            .sort((a, b) => b.step - a.step)
            .slice(0, IMAGES_FOR_EACH_KEY)
            .map((image) =>
              el(
                "li",
                {},
                el(
                  "a",
                  { href: fileAddress(image.name) },
                  el("img", {
                    src: fileAddress(image.name),
                    loading: "lazy",
                    alt: image.step === null ? key : `${key} at step ${image.step}`,
                  }),
                ),
                el("span", { class: "soft" }, image.step === null ? "" : `step ${image.step}`),
              ),
            ),
        ),
      ),
    ),
  );
}

function showFiles(files, artifacts) {
  fill(
    "files",
    files.length
      ? el(
          "ul",
          { class: "list" },
          files.map((file) =>
            el(
              "li",
              {},
              el("a", { href: fileAddress(file.name) }, file.name),
              el("span", { class: "soft" }, bytes(file.size)),
            ),
          ),
        )
      : empty("No files."),
  );
  fill(
    "artifacts",
    artifacts.length
      ? el(
          "ul",
          { class: "list" },
          artifacts.map((artifact) =>
            el(
              "li",
              {},
              el("span", {}, el("span", { class: "badge" }, artifact.role), " ", artifact.name),
              el(
                "span",
                { class: "soft" },
                `${artifact.type}, ${plural(artifact.files, "file")}, ${bytes(artifact.size)}`,
              ),
            ),
          ),
        )
      : empty("No artifacts."),
  );
}

let logStart = null;
const log = el("pre", { class: "log", tabindex: "0", "aria-label": "Console output" });
const earlier = el(
  "button",
  {
    type: "button",
    onclick: () => {
      logStart = Math.max(0, logStart - 5000);
      return showLog();
    },
  },
  "Show earlier lines",
);

async function showLog() {
  const { start, lines } = await get(`${data}/log${logStart === null ? "" : `?from=${logStart}`}`);
  if (!lines.length) return fill("log", empty("Nothing printed yet."));
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
  showConfig(view.config, view.swept);
  showWhy(view);
  showImages(view.files);
  showFiles(view.files, view.artifacts);
  const { curves, extremes } = await get(`${data}/history`);
  showSummary(view.last, extremes, view.metric);
  drawCurves("metrics", curves, view.metric, "step");
  await showLog();
  await showSystem();
});
