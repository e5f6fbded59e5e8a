// Tables by DataTables. The server sorts, filters, groups and pages the runs; `state` keeps what is chosen.

import DataTable from "../datatables.js";
import { projectOf, data as source } from "./address.js";
import { controls } from "./control.js";
import { badge, button, el } from "./dom.js";
import { ago, duration, number, plural, time, value } from "./format.js";
import { fetchJson } from "./poll.js";
import { listIn, state } from "./state.js";
import { menu } from "./table_menu.js";

const PAGE_SIZE = 50;
const MAX_CHOSEN = 50;
const REFRESH_MS = 3000;
const TYPING_MS = 350;
const LOOK = { layout: { topStart: null, topEnd: null }, searching: false, autoWidth: false };
const HELP =
  'Words are searched for. Or compare: lr > 0.01 and optimizer == "sgd", state != "failed", ' +
  'best.val_acc >= 0.9, config.model.lr in [0.1, 0.2], "a" in tags, config["a b"] is not None';

/** Return a key as an item of a list: a comma separates the items. */
const escaped = (key) => key.replace(/[%,]/g, encodeURIComponent);
const keysIn = (name) => listIn(name).map(decodeURIComponent);
const listOf = (keys) => keys.map(escaped).join(",");

const fetchTable = async (query) => {
  const { data: found, tag } = await fetchJson(`${source}/table?${query}`);
  return { ...found, tag };
};

/** Return the mean of a group with the half width of its interval, and the best value. */
function groupCell({ mean, half, n, best }, show) {
  const interval = half === null ? "" : ` ± ${show(half)}`;
  const more = best === null ? null : el("span", { class: "soft" }, ` best ${show(best)}`);
  const title = `mean of ${plural(n, "run")}${half === null ? "" : ", with its 95 % interval"}`;
  return el("span", { title }, show(mean), interval, more);
}

const clipped = (text) => el("span", { class: "clip", title: text }, text);

/** Return the content of a cell. */
function content(column, cell) {
  if (cell === null) return "";
  const show = column.key === "duration" ? duration : number;
  if (cell.mean !== undefined) return groupCell(cell, show);
  if (column.key === "front") return el("span", { class: "badge front" }, cell);
  if (column.kind === "time") return el("time", { title: time(cell) }, ago(cell));
  if (column.kind === "state") return badge(cell);
  if (column.key === "tags") return cell.map((tag) => el("span", { class: "badge" }, tag));
  return typeof cell === "number" ? show(cell) : clipped(value(cell));
}

let sorted = null;

/** Let the reader sort and page a table that the server has rendered. DataTables stores how it was sorted. */
export function sortTable(element) {
  if (!element || DataTable.isDataTable(element)) return;
  sorted?.destroy();
  const layout = { ...LOOK.layout, bottomStart: null, bottomEnd: { paging: { boundaryNumbers: false } } };
  const kept = { stateSave: true, stateDuration: -1 };
  sorted = new DataTable(element, { ...LOOK, ...kept, order: [], pageLength: PAGE_SIZE, layout });
}

const headOf = (columns) =>
  el(
    "thead",
    {},
    el(
      "tr",
      {},
      columns.map((column) => el("th", { scope: "col", title: column.hint }, column.title)),
    ),
  );

/**
 * Show the table of the runs of the page's sweep or project in `element`. `caption` is the name of the table, and
 * `empty` what it says without runs.
 */
export function runTable(element, { caption, empty }) {
  const project = projectOf(location.pathname);
  let table = null;
  let data = null; // the answer that is shown
  let prepared = null; // an answer that the table shows next
  let columns = [];
  let isMoved = false; // by dragging
  let isWrong = false; // the address asks for what is not there
  let shownFilter = state.get("filter") ?? "";

  const chosen = () => new Set(listIn("runs"));
  const problem = el("p", { class: "problem", role: "alert", id: "filter-problem" });
  const count = el("p", { class: "count", role: "status" });
  const input = el("input", {
    type: "search",
    class: "filter",
    placeholder: 'Filter, such as lr > 0.01 and optimizer == "sgd"',
    "aria-label": `Filter ${caption.toLowerCase()}`,
    "aria-describedby": "filter-problem",
    title: HELP,
    spellcheck: "false",
    autocomplete: "off",
    value: state.get("filter") ?? "",
  });
  const exports = ["CSV", "JSON"].map((kind) => el("a", { class: "button", download: "" }, kind));
  const clear = button("Clear", () => state.set({ runs: null }, { push: true }));
  const actions = controls({ runs: () => [...chosen()] });
  const columnMenu = menu("Columns", (changes) => state.set(changes, { push: true }));
  const groupMenu = menu("Group by", (changes) => state.set({ ...changes, sort: null }, { push: true }));
  const frame = el("div", { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption });
  const tools = el(
    "div",
    { class: "table-tools" },
    input,
    columnMenu.element,
    groupMenu.element,
    exports,
    count,
    clear,
  );
  const help = el("details", { class: "filter-help" }, el("summary", {}, "How to filter"), el("p", {}, HELP));
  element.replaceChildren(el("div", { class: "table card" }, tools, problem, actions, help, frame));
  element.removeAttribute("aria-busy");

  /** Return the query for what `state` asks for, with another filter if given. */
  const asked = (filter) => {
    const query = new URLSearchParams();
    if (isWrong && filter === undefined) return query;
    const wanted = { filter: filter ?? state.get("filter") };
    for (const name of ["sort", "columns", "group"]) wanted[name] = state.get(name);
    for (const [name, text] of Object.entries(wanted)) if (text) query.set(name, text);
    return query;
  };
  const look = () => asked(state.get("filter") ?? "").toString();
  let shownLook = "";

  function address(query, start) {
    query.set("start", start);
    query.set("length", PAGE_SIZE);
    return query;
  }

  function choose(name, isChosen) {
    const names = chosen();
    if (isChosen) names.add(name);
    else names.delete(name);
    if (names.size > MAX_CHOSEN) say(`At most ${MAX_CHOSEN} runs can be chosen.`);
    else state.set({ runs: [...names].join(",") });
    mark();
  }

  const say = (text) => {
    problem.textContent = text;
    input.toggleAttribute("aria-invalid", text !== "");
  };

  const box = (row) =>
    el("input", {
      type: "checkbox",
      "data-run": row.name,
      "aria-label": `Choose run ${row.name}`,
      onchange: (event) => choose(row.name, event.target.checked),
    });
  const narrow = (row) =>
    button("Runs", () => {
      const filter = [state.get("filter"), row.filter].filter(Boolean).map((part) => `(${part})`);
      state.set({ filter: filter.length > 1 ? filter.join(" and ") : row.filter, group: null, sort: null });
    });

  function cellOf(column, row, i) {
    const cell = row.cells[i];
    if (column.key !== "name" || !row.name) {
      const why =
        column.key === "state" && row.why
          ? el("span", { class: "soft clip", title: row.why }, ` ${row.why}`)
          : null;
      return el("span", {}, content(column, cell), why);
    }
    return el("a", { href: project.run(row.name), title: cell }, cell);
  }

  /** Make the table for the columns of an answer. */
  function build() {
    clearTable();
    const known = new Map(data.columns.map((column) => [column.key, column]));
    columns = data.shown.map(
      (key) => known.get(key) ?? { key, title: key === "n" ? "Runs" : key, kind: "number" },
    );
    const heads = [
      { title: el("span", { class: "hidden" }, data.group ? "Show" : "Choose") },
      ...columns.map((c) => ({ ...c, hint: c.key })),
    ];
    const node = el("table", {}, el("caption", { class: "hidden" }, caption), headOf(heads));
    frame.replaceChildren(node);
    const place = new Map(columns.map((column, i) => [column.key, i + 1]));
    const order = data.sort.map((key) => [
      place.get(key.replace(/^[+-]/, "")),
      key.startsWith("-") ? "desc" : "asc",
    ]);
    table = new DataTable(node, {
      ...LOOK,
      serverSide: true,
      ajax: answer,
      columns: [
        {
          data: null,
          orderable: false,
          className: "choice",
          render: (_, __, row) => (row.name ? box(row) : narrow(row)),
        },
        ...columns.map((column, i) => ({
          data: null,
          name: column.key,
          className: ["number", "time"].includes(column.kind) ? "number" : "",
          orderSequence: column.kind === "number" ? ["desc", "asc"] : ["asc", "desc"],
          render: (_, __, row) => cellOf(column, row, i),
        })),
      ],
      order: order.filter(([at]) => at !== undefined),
      colReorder: { columns: ":not(:first-child)" },
      pageLength: PAGE_SIZE,
      layout: { ...LOOK.layout, bottomStart: "info", bottomEnd: { paging: { boundaryNumbers: false } } },
      language: {
        emptyTable: empty,
        zeroRecords: "No run matches the filter.",
        info: "_START_–_END_ of _TOTAL_",
        infoEmpty: "",
        infoFiltered: "",
      },
      createdRow: (row, { is_best }) => is_best && row.classList.add("best"),
      drawCallback: finish,
    });
    table.on("columns-reordered", () => {
      isMoved = true;
    });
  }

  /** Show the columns in the order to which the reader has dragged them. */
  function drop() {
    if (!isMoved) return;
    isMoved = false;
    const order = table.colReorder.order().slice(1);
    if (!data.group) state.set({ columns: listOf(order.map((at) => columns[at - 1].key)) });
  }

  function clearTable() {
    if (!table) return;
    table.off("columns-reordered");
    table.colReorder.reset(); // else `destroy` does it, and fails
    table.destroy();
  }

  /** Answer a request of DataTables: another page or order, or the answer that is here already. */
  async function answer(request, show) {
    try {
      if (prepared) {
        data = prepared;
        prepared = null;
      } else {
        const sort = listOf(request.order.map(({ name, dir }) => (dir === "desc" ? "-" : "") + name));
        if (sort !== listOf(data.sort)) {
          shownLook = "";
          state.set({ sort });
        }
        shownLook = look();
        data = await fetchTable(address(asked(), request.start));
      }
      show({ draw: request.draw, recordsTotal: data.total, recordsFiltered: data.count, data: data.rows });
    } catch (error) {
      say(error.message);
    }
  }

  function finish() {
    const isFiltered = data.matching < data.total;
    const groups = data.group ? `${plural(data.count, "group")} of ` : "";
    count.textContent = `${groups}${isFiltered ? `${data.matching} of ` : ""}${plural(data.total, "run")}`;
    for (const link of exports) link.href = `${source}/table.${link.textContent.toLowerCase()}?${asked()}`;
    columnMenu.show(data.columns, {
      chosen: keysIn("columns").length
        ? keysIn("columns")
        : data.columns.filter((c) => c.shown).map((c) => c.key),
      pinned: pinned(),
      apply: (keys, pins) => ({ columns: listOf(keys), pinned: pins === 1 ? null : pins }),
    });
    groupMenu.show(groupable(), { chosen: keysIn("group"), apply: (keys) => ({ group: listOf(keys) }) });
    frame.querySelector(".dt-paging").hidden = data.count <= PAGE_SIZE;
    mark();
    pin();
  }

  const pinned = () => Number(state.get("pinned") ?? 1);

  const groupable = () => [
    { key: "all but seed", title: "all but seed" },
    ...data.columns.filter(({ key }) => /^(config\..*|state|sweep|host|agent|group|job_type)$/.test(key)),
  ];

  /** Check the boxes of the chosen runs, and count them. */
  function mark() {
    const names = chosen();
    for (const each of frame.querySelectorAll("[data-run]")) {
      each.checked = names.has(each.dataset.run);
      each.closest("tr").classList.toggle("chosen", each.checked);
    }
    for (const each of [clear, actions]) each.hidden = names.size === 0;
    clear.textContent = `Clear ${names.size} chosen`;
  }

  /** Keep the pinned columns in view. */
  function pin() {
    const count = window.innerWidth < 640 ? 0 : pinned() + 1;
    const left = [0];
    for (const head of frame.querySelectorAll("thead th"))
      left.push(left.at(-1) + head.getBoundingClientRect().width);
    for (const row of frame.querySelectorAll("tr")) {
      [...row.cells].forEach((cell, i) => {
        cell.classList.toggle("pinned", i < count && row.cells.length > 1);
        cell.style.left = i < count ? `${left[i]}px` : "";
      });
    }
  }

  /** Load and show what `state` asks for, or all runs if it asks for what is not there. */
  async function show() {
    const wanted = look();
    const load = () => fetchTable(address(asked(), 0));
    let problem = "";
    isWrong = false;
    const found = await load().catch((error) => {
      problem = error.message;
      isWrong = true;
      return load();
    });
    if (wanted !== look()) return; // a later call shows what is asked for now
    say(problem);
    shownLook = wanted;
    data = prepared = found;
    build();
  }

  /** Load the shown page again, and show it if it has changed. */
  async function refresh() {
    if (!document.hidden && table && shownLook === look()) {
      const found = await fetchTable(address(asked(), table.page.info().start)).catch(() => null);
      if (found && found.tag !== data.tag && shownLook === look()) {
        const isSame = listOf(found.shown) === listOf(data.shown);
        data = prepared = found;
        if (isSame) table.ajax.reload(null, false);
        else build();
      }
    }
    setTimeout(refresh, REFRESH_MS);
  }

  let typing = null;
  let isEditing = false; // the first change of an edit is a new entry in the browser's history
  async function filter() {
    const text = input.value.trim();
    if (text === (state.get("filter") ?? "")) return say("");
    try {
      await fetchTable(address(asked(text), 0));
    } catch (error) {
      return say(error.message);
    }
    state.set({ filter: text }, { push: !isEditing });
    isEditing = true;
  }
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, TYPING_MS);
  });
  input.addEventListener("change", async () => {
    clearTimeout(typing);
    await filter();
    isEditing = false;
  });
  state.onChange(() => {
    const filter = state.get("filter") ?? "";
    if (filter !== shownFilter && document.activeElement !== input) input.value = filter;
    shownFilter = filter;
    mark();
    pin();
    if (look() !== shownLook) show();
  });
  window.addEventListener("resize", pin);
  for (const end of ["mouseup", "touchend"]) document.addEventListener(end, () => setTimeout(drop));
  show().then(() => setTimeout(refresh, REFRESH_MS));
}
