// The table of runs, by DataTables. The server sorts, filters, groups, pages and renders the runs; `state` keeps
// what is chosen.

import DataTable from "../datatables.js";
import { data as source } from "./address.js";
import { runControls } from "./control.js";
import { fillPart, showTimes } from "./parts.js";
import { fetchJson } from "./poll.js";
import { listIn, showState, state } from "./state.js";
import "./table_menu.js";

const MAX_CHOSEN = 50;
const REFRESH_MS = 3000;
const TYPING_MS = 350;
const PAGING = { paging: { boundaryNumbers: false } };
const LAYOUT = { topStart: null, topEnd: null, bottomEnd: PAGING };
const LOOK = { searching: false, autoWidth: false, pageLength: 50, layout: LAYOUT };
const WORDS = { zeroRecords: "No run matches the filter.", info: "_START_–_END_ of _TOTAL_" };

let sorted = null;

/** Let the reader sort and page a table that the server has rendered. DataTables stores how it was sorted. */
export function sortTable(element) {
  if (!element || DataTable.isDataTable(element)) return;
  sorted?.destroy();
  const kept = { stateSave: true, stateDuration: -1, order: [] };
  sorted = new DataTable(element, { ...LOOK, ...kept, layout: { ...LAYOUT, bottomStart: null } });
}

/** Return keys as a list in the URL: a comma separates them. */
const listOf = (keys) => keys.map((key) => key.replace(/[%,]/g, encodeURIComponent)).join(",");

/** Show the table of the runs of the page's sweep or project. */
export function runTable() {
  const part = (selector) => document.querySelector(`#runs ${selector}`);
  const [frame, input, problem] = [".table-frame", ".filter", ".problem"].map(part);
  const actions = [part(".clear"), part(".controls")];
  let table = null;
  let data = null; // the answer that is shown
  let prepared = null; // an answer that the table shows next
  let isMoved = false; // by dragging
  let isWrong = false; // the address asks for what is not there
  let shownLook = ""; // null while the table itself changes the state
  let shownFilter = "";

  const say = (text) => {
    problem.textContent = text;
    input.toggleAttribute("aria-invalid", text !== "");
  };

  /** Return the query for what `state` asks for, with another filter if given. */
  function asked(filter) {
    const query = new URLSearchParams();
    if (isWrong && filter === undefined) return query;
    const wanted = { filter: filter ?? state.get("filter") };
    for (const name of ["sort", "columns", "group"]) wanted[name] = state.get(name);
    for (const [name, text] of Object.entries(wanted)) if (text) query.set(name, text);
    return query;
  }
  const look = () => asked(state.get("filter") ?? "").toString();

  async function load(query, start = 0) {
    const page = `as=html&start=${start}&length=${LOOK.pageLength}`;
    const { data: found, tag } = await fetchJson(`${source}/table?${query}&${page}`);
    return { ...found, tag };
  }

  /** Make the table for the columns of an answer. */
  function build() {
    if (table) {
      table.off("columns-reordered");
      table.colReorder.reset(); // else `destroy` does it, and fails
      table.destroy();
    }
    fillPart(frame, data.html);
    table = new DataTable(frame.querySelector("table"), {
      ...LOOK,
      serverSide: true,
      ajax: answer,
      order: data.order,
      columnDefs: [{ targets: "descending", orderSequence: ["desc", "asc"] }],
      colReorder: { columns: ":not(:first-child)" },
      language: { ...WORDS, emptyTable: frame.dataset.empty, infoEmpty: "", infoFiltered: "" },
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
    if (!data.group) state.set({ columns: listOf(order.map((at) => data.shown[at - 1])) });
  }

  /** Answer a request of DataTables: another page or order, or the answer that is here already. */
  async function answer(request, show) {
    try {
      if (!prepared) {
        const sort = listOf(request.order.map(({ name, dir }) => (dir === "desc" ? "-" : "") + name));
        shownLook = null;
        if (sort !== listOf(data.sort)) state.set({ sort });
        shownLook = look();
      }
      data = prepared ?? (await load(asked(), request.start));
      prepared = null;
      show({ draw: request.draw, recordsTotal: data.total, recordsFiltered: data.count, data: data.rows });
    } catch (error) {
      say(error.message);
    }
  }

  function finish() {
    part(".count").textContent = data.text;
    for (const link of document.querySelectorAll("#runs a[download]"))
      link.href = `${source}/table.${link.dataset.type}?${asked()}`;
    frame.querySelector(".dt-paging").hidden = data.count <= LOOK.pageLength;
    showState(frame);
    showTimes(frame);
    mark();
  }

  /** Show how many runs are chosen, and keep the pinned columns in view. */
  function mark() {
    const { length } = listIn("runs");
    actions[0].textContent = `Clear ${length} chosen`;
    for (const each of actions) each.hidden = length === 0;
    const count = window.innerWidth < 640 ? 0 : Number(state.get("pinned") ?? 1) + 1;
    const left = [0];
    for (const head of frame.querySelectorAll("thead th"))
      left.push(left.at(-1) + head.getBoundingClientRect().width);
    for (const { cells } of frame.querySelectorAll("tr")) {
      [...cells].forEach((cell, i) => {
        cell.classList.toggle("pinned", i < count && cells.length > 1);
        cell.style.left = i < count ? `${left[i]}px` : "";
      });
    }
  }

  /** Load and show what `state` asks for, or all runs if it asks for what is not there. */
  async function show() {
    const wanted = look();
    let fault = "";
    isWrong = false;
    const found = await load(asked()).catch((error) => {
      fault = error.message;
      isWrong = true;
      return load(asked());
    });
    if (wanted !== look()) return; // a later call shows what is asked for now
    say(fault);
    shownLook = wanted;
    data = prepared = found;
    build();
  }

  /** Load the shown page again, and show it if it has changed and is still the one that is asked for. */
  async function refresh() {
    const page = () => `${look()} ${shownLook} ${table.page.info().start}`;
    if (!document.hidden && table && shownLook === look()) {
      const wanted = page();
      const found = await load(asked(), table.page.info().start).catch(() => null);
      if (found && found.tag !== data.tag && page() === wanted) {
        const isSame = found.html === data.html;
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
      await load(asked(text));
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
  frame.addEventListener("change", (event) => {
    if (!event.target.checked || listIn("runs").length < MAX_CHOSEN) return;
    event.target.checked = false;
    event.stopPropagation(); // the state stays as it is
    say(`At most ${MAX_CHOSEN} runs can be chosen.`);
  });
  function showFilter() {
    const filter = state.get("filter") ?? "";
    if (filter !== shownFilter && document.activeElement !== input) input.value = filter;
    shownFilter = filter;
  }
  state.onChange(() => {
    showFilter();
    mark();
    if (shownLook !== null && look() !== shownLook) show();
  });
  window.addEventListener("resize", mark);
  for (const end of ["mouseup", "touchend"]) document.addEventListener(end, () => setTimeout(drop));
  showFilter();
  runControls(part(".toolbar"), () => listIn("runs"));
  show().then(() => setTimeout(refresh, REFRESH_MS));
}
