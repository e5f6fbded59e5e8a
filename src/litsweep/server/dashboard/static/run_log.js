// The console output of a run: pages of lines, search, and following a running run.

import { el } from "./dom.js";
import { getData } from "./poll.js";

const PAGE = 1000;
const MOST_LINES = 5000;
const REWRITTEN = 50; // the last lines may change, because a progress bar writes over them
let start = null;
let lines = [];
let total = 0;
let found = { count: 0, lines: [] };
let current = -1;
let timer = 0;

const [empty, tools, pre] = document.getElementById("log").children;
const [search, previous, next, count, earlier, later, toEnd] = tools.children;

/** Return parts of a text, with what the search finds marked. */
function marked(text) {
  const wanted = search.value.toLowerCase();
  const at = wanted ? text.toLowerCase().indexOf(wanted) : -1;
  if (at < 0) return [text];
  const end = at + wanted.length;
  return [text.slice(0, at), el("mark", {}, text.slice(at, end)), ...marked(text.slice(end))];
}

function part({ text, class: look, color, background }) {
  const span = el("span", { class: look }, marked(text));
  if (color) span.style.color = color;
  if (background) span.style.background = background;
  return span;
}

function lineElement(line, i) {
  const isCurrent = found.lines[current] === start + i;
  const content = typeof line === "string" ? marked(line) : line.map(part);
  return el("span", { class: isCurrent ? "line current" : "line" }, content, "\n");
}

function render() {
  empty.hidden = lines.length > 0;
  tools.hidden = pre.hidden = lines.length === 0;
  pre.replaceChildren(...lines.map(lineElement));
  earlier.hidden = start === 0;
  later.hidden = toEnd.hidden = start + lines.length >= total;
  previous.disabled = next.disabled = found.count === 0;
  const place = current < 0 ? "" : `${current + 1} of `;
  count.textContent = search.value ? `${place}${found.count} lines` : "";
}

/** Show the lines from `from` to `to`. If these are too many, keep those at the end, or at the start. */
async function turn(from, to, keep = 1) {
  const first = Math.max(0, keep ? Math.max(from, to - MOST_LINES) : from);
  const page = await getData("/log", { from: first, to: Math.min(to, first + MOST_LINES) });
  ({ start, lines, total } = page);
  render();
}

async function step(direction) {
  if (!found.lines.length) return;
  current = (current + direction + found.lines.length) % found.lines.length;
  const line = found.lines[current];
  if (line < start || line >= start + lines.length) await turn(Math.max(0, line - PAGE / 2), line + PAGE / 2);
  else render();
  pre.querySelector(".current")?.scrollIntoView({ block: "nearest" });
}

async function find() {
  found = search.value ? await getData("/log/search", { text: search.value }) : { count: 0, lines: [] };
  current = -1;
  if (found.lines.length) await step(1);
  else render();
}
previous.addEventListener("click", () => step(-1));
next.addEventListener("click", () => step(1));
earlier.addEventListener("click", () => turn(start - PAGE, start + MOST_LINES - PAGE, 0));
later.addEventListener("click", () => turn(start, start + lines.length + PAGE));
toEnd.addEventListener("click", async () => {
  await turn(Math.max(0, total - PAGE), total);
  pre.scrollTop = pre.scrollHeight;
});
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, 250);
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
});

/** Show the end of the output, and then what is new. A page that was turned back stays where it is. */
export async function showLog() {
  if (start !== null && start + lines.length < total) return;
  const from = start === null ? {} : { from: Math.max(start, start + lines.length - REWRITTEN) };
  const page = await getData("/log", from);
  const isAtEnd = start === null || pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
  const kept = start === null ? [] : lines.slice(0, page.start - start);
  if (start === null) start = page.start;
  lines = [...kept, ...page.lines].slice(-MOST_LINES);
  start = page.start + page.lines.length - lines.length;
  total = page.total;
  render();
  if (isAtEnd) pre.scrollTop = pre.scrollHeight;
}
