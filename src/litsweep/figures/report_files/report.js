// A report's figures in the colours of the page, and the order of its tables.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const figures = JSON.parse(document.getElementById("figures").textContent);

/** Return a figure with the page's colours in place of the roles, such as `role:accent`. */
function painted(value, isColour = false) {
  if (Array.isArray(value)) return value.map((item) => painted(item, isColour));
  if (value !== null && typeof value === "object") {
    const parts = Object.entries(value);
    return Object.fromEntries(
      parts.map(([key, item]) => [key, painted(item, isColour || key.toLowerCase().includes("color"))]),
    );
  }
  if (!isColour || typeof value !== "string" || !value.startsWith("role:")) return value;
  return getComputedStyle(document.documentElement)
    .getPropertyValue(`--${value.slice(5)}`)
    .trim();
}

function draw() {
  for (const [name, figure] of Object.entries(figures)) {
    const { data, layout } = painted(figure);
    Plotly.react(document.getElementById(`plot-${name}`), data, layout, {
      displaylogo: false,
      responsive: true,
    });
  }
}

/** Order the rows of a table by a column. Cells without a value come last. */
function sort(heading) {
  const headings = [...heading.parentElement.children];
  const body = heading.closest("table").tBodies[0];
  const sign = heading.ariaSort === "ascending" ? -1 : 1;
  const place = headings.indexOf(heading);
  const isNumeric = heading.classList.contains("number");
  const key = (row) => row.cells[place].dataset.order ?? row.cells[place].textContent;
  const compare = (a, b) => (isNumeric ? a - b : a.localeCompare(b)) * sign;
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => (a === "") - (b === "") || (a === "" ? 0 : compare(a, b)));
  for (const each of headings)
    each.ariaSort = each === heading ? (sign > 0 ? "ascending" : "descending") : null;
  body.append(...rows.map(([, row]) => row));
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}
dark.addEventListener("change", draw);
draw();
