// Tables of runs with sorting, a filter and pages.

import { button, el } from "./dom.js";
import { comparing, matching } from "./sorting.js";

const PAGE_SIZE = 50;

/**
 * Return a table that keeps its order, filter and page when `show` replaces its rows.
 * A column is {title, cell(row), key(row)?, numeric?}: `cell` returns the content, `key` the value to sort by.
 */
export function table(caption, columns, { sortBy, descending = false, empty, rowClass = () => null }) {
  let rows = [];
  let filter = "";
  let page = 0;
  let sort = { column: sortBy, descending };

  const body = el("tbody");
  const head = el("tr");
  const count = el("p", { class: "count", role: "status" });
  const search = el("input", {
    type: "search",
    placeholder: "Filter",
    "aria-label": `Filter ${caption.toLowerCase()}`,
    oninput: (event) => {
      filter = event.target.value.toLowerCase();
      turnTo(0);
    },
  });
  const previous = button("Previous", () => turnTo(page - 1));
  const next = button("Next", () => turnTo(page + 1));
  const pager = el("div", { class: "pager" }, previous, next);
  const element = el(
    "div",
    { class: "table card" },
    el("div", { class: "table-tools" }, search, count, pager),
    el(
      "div",
      { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption },
      el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, head), body),
    ),
  );

  function turnTo(number) {
    page = number;
    draw();
  }

  function headCell(column) {
    const isSorted = sort.column === column;
    const click = () => {
      sort = { column, descending: isSorted ? !sort.descending : Boolean(column.numeric) };
      turnTo(0);
      head.querySelectorAll("button")[columns.indexOf(column)].focus();
    };
    const direction = isSorted ? (sort.descending ? "descending" : "ascending") : "none";
    return el(
      "th",
      { scope: "col", class: column.numeric ? "number" : null, "aria-sort": direction },
      button(column.title, click),
    );
  }

  const cells = (row) =>
    columns.map((column) => el("td", { class: column.numeric ? "number" : null }, column.cell(row)));

  function draw() {
    const found = matching(rows, columns, filter).sort(comparing(sort.column, sort.descending));
    const last = Math.max(0, Math.ceil(found.length / PAGE_SIZE) - 1);
    page = Math.min(page, last);
    const start = page * PAGE_SIZE;
    const shown = found.slice(start, start + PAGE_SIZE);
    head.replaceChildren(...columns.map(headCell));
    body.replaceChildren(...shown.map((row) => el("tr", { class: rowClass(row) }, cells(row))));
    if (!shown.length) {
      const message = filter ? "No run matches the filter." : empty;
      body.append(el("tr", {}, el("td", { colspan: columns.length, class: "empty" }, message)));
    }
    const isPaged = found.length > PAGE_SIZE;
    count.textContent = isPaged ? `${start + 1}–${start + shown.length} of ${found.length}` : "";
    pager.hidden = !isPaged;
    search.hidden = rows.length < 8 && !filter;
    previous.disabled = page === 0;
    next.disabled = page === last;
  }

  return {
    element,
    show(newRows) {
      rows = newRows;
      draw();
    },
  };
}
