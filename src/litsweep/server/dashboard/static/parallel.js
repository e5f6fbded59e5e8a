// Parallel coordinates: one line per run, across one axis per parameter and one axis for the result.

import { el, svg } from "./dom.js";
import { number, value } from "./format.js";

const HEIGHT = 260;
const TOP = 34;
const BOTTOM = 16;
const SIDE = 64;

const short = (text) => (text.length > 22 ? `…${text.slice(-21)}` : text);

/** Return the path of a smooth curve through `points`. */
const curve = (points) =>
  points
    .map(([x, y], i) => {
      if (i === 0) return `M${x},${y}`;
      const middle = (points[i - 1][0] + x) / 2;
      return `C${middle},${points[i - 1][1]} ${middle},${y} ${x},${y}`;
    })
    .join("");

/** Draw the chart into `element`. `href` returns the URL of a run. */
export function drawParallel(element, { parameters, metric, runs, parallel }, href) {
  const axes = [...parameters, { name: metric.name, ticks: parallel.ticks }];
  const width = Math.max(element.clientWidth, 140 * axes.length);
  const x = (i) => SIDE + (i * (width - 2 * SIDE)) / parameters.length;
  const y = (position) => TOP + (1 - position) * (HEIGHT - TOP - BOTTOM);

  const shown = parallel.lines.map((i) => runs[i]);
  const isSample = shown.length < parallel.total;
  const count = isSample
    ? `${shown.length} of ${parallel.total} runs, including the best`
    : `${shown.length} runs`;
  const idle = `${count}. Point at a line to see its values.`;
  const readout = el("p", { class: "hint readout", "aria-live": "polite" }, idle);

  const lineOf = (run) => {
    const positions = [...run.positions, run.rank];
    const points = positions.flatMap((position, i) => (position === null ? [] : [[x(i), y(position)]]));
    const config = parameters.map((parameter, i) => `${parameter.name} ${value(run.values[i])}`).join(", ");
    const text = `${run.title}: ${metric.name} ${number(run.best)}; ${config}`;
    const d = curve(points);
    const line = svg("path", { d, class: "run-line", style: `--share:${Math.round(100 * run.rank ** 3)}%` });
    const point = (isPointed) => () => {
      line.classList.toggle("pointed", isPointed);
      readout.textContent = isPointed ? text : idle;
    };
    const [on, off] = [point(true), point(false)];
    return svg(
      "a",
      { href: href(run), "aria-label": text, onmouseenter: on, onmouseleave: off, onfocus: on, onblur: off },
      line,
      svg("path", { d, class: "run-reach" }, svg("title", {}, text)),
    );
  };

  const drawAxis = ({ name, ticks }, i) =>
    svg(
      "g",
      { class: "axis", transform: `translate(${x(i)} 0)` },
      svg("line", { y1: y(1), y2: y(0) }),
      svg("text", { class: "name", y: 14, "text-anchor": "middle" }, short(name), svg("title", {}, name)),
      ticks.map(([position, tick]) =>
        svg(
          "text",
          { class: "tick", x: 6, y: y(position), "dominant-baseline": "middle" },
          short(value(tick)),
        ),
      ),
    );

  const label = "Parallel coordinates of the runs";
  const picture = svg(
    "svg",
    { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": label },
    shown.map(lineOf),
    axes.map(drawAxis),
  );
  element.replaceChildren(el("div", { class: "scroll" }, picture), readout);
}
