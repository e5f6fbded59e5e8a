// Parallel coordinates: one line for each run, across an axis for each parameter to its result.

import { el, svg } from "./dom.js";
import { number, value } from "./format.js";

const HEIGHT = 260;
const TOP = 34;
const SIDE = 56;
const MOST_LINES = 150;

/** Draw `runs` into `element`. `share(run)` is how good a run is, from 0 (worst) to 1 (best), or null. */
export function parallel(element, { parameters, metric, runs, share, path }) {
  const width = Math.max(element.clientWidth, 140 * (parameters.length + 1));
  const step = (width - 2 * SIDE) / parameters.length;
  const x = (axis) => SIDE + axis * step;
  const y = (position) => TOP + (1 - position) * (HEIGHT - TOP - 16);
  const ranked = runs.filter((run) => share(run) !== null).sort((a, b) => share(a) - share(b));
  const shown = sample(ranked);

  const which =
    shown.length < ranked.length
      ? `${shown.length} of ${ranked.length} runs, the best among them`
      : `${shown.length} runs`;
  const idle = `${which}; point at a line for its values`;
  const readout = el("p", { class: "hint readout", "aria-live": "polite" }, idle);
  const describe = (run) =>
    parameters.map((parameter, i) => `${parameter.name} ${value(run.values[i])}`).join(", ");
  const lines = shown.map((run) => {
    const points = parameters.flatMap((_, i) =>
      run.positions[i] === null ? [] : [[x(i), y(run.positions[i])]],
    );
    points.push([x(parameters.length), y(share(run))]);
    const d = points
      .map(([px, py], i) => {
        if (i === 0) return `M${px},${py}`;
        const middle = (points[i - 1][0] + px) / 2;
        return `C${middle},${points[i - 1][1]} ${middle},${py} ${px},${py}`;
      })
      .join("");
    const text = `${run.title}: ${metric} ${number(run.best)}; ${describe(run)}`;
    const line = svg("path", {
      d,
      class: "run-line",
      style: `--share:${Math.round(100 * share(run) ** 3)}%`,
    });
    const reach = svg("path", { d, class: "run-reach" }, svg("title", {}, text));
    const point = (is) => () => {
      line.classList.toggle("pointed", is);
      readout.textContent = is ? text : idle;
    };
    return svg(
      "a",
      {
        href: path(run),
        "aria-label": text,
        onmouseenter: point(true),
        onmouseleave: point(false),
        onfocus: point(true),
        onblur: point(false),
      },
      line,
      reach,
    );
  });

  const ends = [
    [0, ranked[0].best],
    [1, ranked.at(-1).best],
  ];
  const axes = [...parameters.map((p) => [p.name, p.ticks]), [metric, ends]].map(([name, ticks], i) =>
    svg(
      "g",
      { class: "axis", transform: `translate(${x(i)} 0)` },
      svg("line", { y1: y(1), y2: y(0) }),
      svg("text", { class: "name", y: 14, "text-anchor": "middle" }, short(name), svg("title", {}, name)),
      ticks.map(([position, label]) =>
        svg(
          "text",
          { class: "tick", x: 6, y: y(position), "dominant-baseline": "middle" },
          short(value(label)),
        ),
      ),
    ),
  );

  const picture = svg(
    "svg",
    {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "group",
      "aria-label": "Parallel coordinates of the runs",
    },
    lines,
    axes,
  );
  element.replaceChildren(el("div", { class: "scroll" }, picture), readout);
}

/** Of too many runs, ordered from worst to best, the best third of a picture and an even spread of the rest. */
function sample(ranked) {
  if (ranked.length <= MOST_LINES) return ranked;
  const top = Math.round(MOST_LINES / 3);
  const rest = ranked.slice(0, -top);
  const spread = Array.from(
    { length: MOST_LINES - top },
    (_, i) => rest[Math.floor((i * rest.length) / (MOST_LINES - top))],
  );
  return [...spread, ...ranked.slice(-top)];
}

const short = (text) => (text.length > 22 ? `…${text.slice(-21)}` : text);
