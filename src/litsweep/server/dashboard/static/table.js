// Tables of runs: sorted by any column, filtered by text, in pages.

import { el } from "./dom.js";

const PAGE = 50;

/**
 * A table that keeps its sorting, filter and page when its rows are replaced.
 * A column is {title, cell(row), key(row)?, numeric?, best?}: `cell` makes the content, `key` is sorted by.
 */
export function table(caption, columns, { sortBy = null, descending = false, empty, rowClass = () => null }) {
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
      page = 0;
      draw();
    },
  });
  const back = el(
    "button",
    {
      type: "button",
      onclick: () => {
        page -= 1;
        draw();
      },
    },
    "Previous",
  );
  const on = el(
    "button",
    {
      type: "button",
      onclick: () => {
        page += 1;
        draw();
      },
    },
    "Next",
  );
  const pager = el("div", { class: "pager" }, back, on);
  const frame = el(
    "div",
    { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, head), body),
  );
  const element = el(
    "div",
    { class: "table card" },
    el("div", { class: "table-tools" }, search, count, pager),
    frame,
  );

  const keyOf = (column, row) => (column.key ? column.key(row) : column.cell(row));
  const textOf = (row) =>
    columns
      .map((column) => keyOf(column, row))
      .join(" ")
      .toLowerCase();

  function compare(first, second) {
    const [one, other] = [keyOf(sort.column, first), keyOf(sort.column, second)];
    if (one === other) return 0;
    if (one === null || one === undefined) return 1; // what is missing goes last, whichever the direction
    if (other === null || other === undefined) return -1;
    const order =
      typeof one === "number" && typeof other === "number"
        ? one - other
        : String(one).localeCompare(String(other));
    return sort.descending ? -order : order;
  }

  function drawHead() {
    head.replaceChildren(
      ...columns.map((column) => {
        const isSorted = sort.column === column;
        const click = () => {
          sort = { column, descending: isSorted ? !sort.descending : Boolean(column.numeric) };
          page = 0;
          draw();
          head.querySelectorAll("button")[columns.indexOf(column)].focus();
        };
        const direction = isSorted ? (sort.descending ? "descending" : "ascending") : "none";
        return el(
          "th",
          { scope: "col", class: column.numeric ? "number" : null, "aria-sort": direction },
          el("button", { type: "button", onclick: click, title: column.title }, column.title),
        );
      }),
    );
  }

  function draw() {
    const found = filter ? rows.filter((row) => textOf(row).includes(filter)) : [...rows];
    if (sort.column) found.sort(compare);
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(page, last);
    const shown = found.slice(page * PAGE, (page + 1) * PAGE);
    drawHead();
    body.replaceChildren(
      ...shown.map((row) =>
        el(
          "tr",
          { class: rowClass(row) },
          columns.map((column) => el("td", { class: column.numeric ? "number" : null }, column.cell(row))),
        ),
      ),
    );
    if (!shown.length)
      body.append(
        el(
          "tr",
          {},
          el(
            "td",
            { colspan: columns.length, class: "empty" },
            filter ? "Nothing matches the filter." : empty,
          ),
        ),
      );
    const from = page * PAGE + 1;
    count.textContent = found.length > PAGE ? `${from}–${from + shown.length - 1} of ${found.length}` : "";
    pager.hidden = found.length <= PAGE;
    search.hidden = rows.length < 8 && !filter;
    back.disabled = page === 0;
    on.disabled = page === last;
  }

  return {
    element,
    show(newRows) {
      rows = newRows;
      draw();
    },
  };
}
