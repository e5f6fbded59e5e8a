// The page of a sweep.

import { data } from "./address.js";
import { addBrushes } from "./brush.js";
import { chartCards } from "./cards.js";
import { control } from "./control.js";
import { showParts } from "./parts.js";
import { get, poll } from "./poll.js";
import { showSelection } from "./selection.js";
import { listIn } from "./state.js";
import { runTable, sortTable } from "./table.js";

const cards = chartCards({
  address: ({ name }) => `${data}/charts/${name}?`,
  place: ({ is_first: isFirst }) => document.getElementById(isFirst ? "charts" : "more-charts"),
  chosen: () => listIn("runs"),
  drawn: ({ name }, box) => name === "parallel" && addBrushes(box, `${data}/charts/${name}/brush`),
});

showSelection();
runTable();

let shownTags = null;

poll(data, async (view) => {
  showParts(view.html);
  sortTable(document.querySelector("#grid table"));
  control(view);
  const tags = JSON.stringify(view.charts);
  if (tags === shownTags) return;
  const { charts, html } = await get(`${data}/charts`);
  shownTags = tags;
  cards.update(charts);
  showParts(html);
});
