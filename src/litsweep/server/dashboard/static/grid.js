// The ledger of a grid search: its points by state.

import { badge, el, fill } from "./dom.js";
import { value } from "./format.js";
import { smallTable } from "./table.js";

let points = null;

function makeTable({ parameters }, href) {
  const columns = [
    ...parameters.map((parameter, i) => ({
      title: parameter.name,
      numeric: parameter.is_number,
      cell: (point) => value(point.values[i]),
      key: (point) => point.values[i],
    })),
    { title: "State", cell: (point) => badge(point.state), key: (point) => point.state },
    {
      title: "Run",
      cell: (point) => (point.title ? el("a", { href: href({ name: point.run }) }, point.title) : null),
      key: (point) => point.title,
    },
  ];
  return smallTable("Points of the grid", columns, "The grid has no points.");
}

/** Show the numbers of a grid's points, and the points if the server lists them. */
export function showGrid(data, href) {
  document.getElementById("grid-section").hidden = false;
  fill("grid-counts", data.grid.text);
  if (!data.grid.points.length) return;
  if (!points) {
    points = makeTable(data, href);
    fill("grid", points.element);
  }
  points.show(data.grid.points);
}
