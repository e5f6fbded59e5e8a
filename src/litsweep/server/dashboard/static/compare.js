// The compare page: runs or sweeps of a project side by side.

import { data } from "./address.js";
import { chartCards } from "./cards.js";
import { showParts } from "./parts.js";
import { poll, refresh } from "./poll.js";
import { listIn, state } from "./state.js";

const kind = state.get("sweeps") ? "sweeps" : "runs";
const url = (part, more) =>
  `${data}${part}?${new URLSearchParams({ [kind]: state.get(kind) ?? "", ...more })}`;

const cards = chartCards({
  address: ({ source, name }) =>
    source ? `${data.replace(/compare$/, source)}?` : `${url("/chart", { chart: name })}&`,
  place: () => document.getElementById("charts"),
});

function show({ html, charts, [kind]: heads }) {
  showParts(html);
  const tag = JSON.stringify(heads);
  cards.update(charts.map((chart) => ({ ...chart, tag })));
}

if (listIn(kind).length) {
  poll(() => url("", { all: state.get("all") ?? "" }), show);
  state.onChange(refresh);
} else {
  document.getElementById("message").hidden = false;
}
