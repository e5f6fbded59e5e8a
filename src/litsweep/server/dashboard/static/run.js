// The page of a run.

import { data } from "./address.js";
import { control } from "./control.js";
import { showParts } from "./parts.js";
import { get, poll } from "./poll.js";
import { showMetrics, showSystem } from "./run_charts.js";
import { showLog } from "./run_log.js";
import { showMedia } from "./run_media.js";

poll(data, async (view) => {
  showParts(view.html);
  control(view);
  showParts((await get(`${data}/summary`)).html);
  showParts(await get(`${data}/parts`));
  showMedia(view.media);
  await showMetrics();
  await showLog();
  await showSystem();
});

/** Copy a text. Over plain HTTP from another machine, a browser copies only what is selected. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  document.execCommand("copy");
  return area.remove();
}

document.addEventListener("click", async ({ target }) => {
  if (!target.dataset.copy) return;
  await copy((await get(data + target.dataset.copy)).text);
  target.textContent = "Copied";
});
