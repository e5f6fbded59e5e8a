// The page of a project.

import { projectOf } from "./address.js";
import { history } from "./control.js";
import { el, empty, fill, list } from "./dom.js";
import { poll } from "./poll.js";
import { showSelection } from "./selection.js";
import { listIn, state } from "./state.js";
import { sweepTile } from "./sweep_tile.js";
import { runTable } from "./table.js";

const project = projectOf(location.pathname);

/** Return a box that chooses a sweep for the comparison. */
function choice({ name, title }) {
  const others = listIn("sweeps").filter((each) => each !== name);
  const onchange = () =>
    state.set({ sweeps: [...others, ...(box.checked ? [name] : [])].join(",") }, { push: true });
  const checked = listIn("sweeps").includes(name);
  const box = el("input", { type: "checkbox", "aria-label": `Compare ${title}`, checked, onchange });
  return el("label", { class: "soft" }, box, " compare");
}

const hint = () => [
  "No sweeps yet. Create one: ",
  el("code", {}, `wandb sweep --project ${project.name} sweep.yaml`),
];

document.getElementById("changes").append(history(`/-/data${location.pathname}/changes`));

let data = null;

const showSweeps = () =>
  fill(
    "sweeps",
    data.sweeps.length
      ? list(
          "tiles",
          data.sweeps.map((sweep) => sweepTile(project, sweep, choice(sweep))),
        )
      : empty(...hint()),
  );

poll(`/-/data${location.pathname}`, (found) => {
  data = found;
  showSweeps();
});
state.onChange(() => data && showSweeps());
showSelection(project);

runTable(document.getElementById("runs"), {
  source: `/-/data${location.pathname}`,
  caption: "Runs of the project",
  empty: "No runs yet.",
});
