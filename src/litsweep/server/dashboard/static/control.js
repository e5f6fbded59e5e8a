// Controls: buttons, the form for names, notes and tags, and the history of changes. The server decides
// which buttons there are, which of them need a confirmation, and what their dialogs say.

import { projectOf } from "./address.js";
import { button, el, empty, soft } from "./dom.js";
import { ago, time } from "./format.js";
import { get, refresh } from "./poll.js";

const token = document.querySelector('meta[name="litsweep-token"]')?.content ?? "";
const HEADERS = { "Content-Type": "application/json", "X-Litsweep-Token": token };

async function post(path, body) {
  try {
    const response = await fetch(path, { method: "POST", headers: HEADERS, body: JSON.stringify(body) });
    const answer = await response.json();
    const fault = answer.errors?.map(({ message }) => message).join("; ");
    return { ...answer, fault: response.ok ? null : fault };
  } catch {
    return { fault: "the server does not answer" };
  }
}

/** Ask in a dialog. Return true if the person confirms. */
function confirms({ title, text, label }) {
  const dialog = el(
    "dialog",
    { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "confirm-title" }, title),
      el("p", { id: "confirm-text" }, text),
      el(
        "div",
        { class: "row" },
        el("button", { value: "", autofocus: true }, "Keep"),
        el("button", { class: "danger", value: "yes" }, label),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }),
  );
}

const change = ({ when, who, what, before, after }) =>
  el(
    "li",
    {},
    el("span", {}, what, [before, after].some(Boolean) ? `: ${before || "–"} → ${after || "–"}` : ""),
    el("span", { class: "soft", title: time(when) }, `${who}, ${ago(when)}`),
  );

/** Return the folded history of changes at `url`, loaded when it is opened, and after each change. */
export function history(url) {
  const body = el("div");
  const details = el("details", { ontoggle: () => show() }, el("summary", {}, "History of changes"), body);
  async function show() {
    if (!details.open) return;
    const { changes } = await get(url);
    body.replaceChildren(
      changes.length ? el("ul", { class: "list" }, changes.map(change)) : empty("Nothing was changed."),
    );
  }
  document.addEventListener("changed", show);
  return details;
}

/**
 * Fill `element` with a toolbar and return a function that shows `{actions, fields}` in it.
 * `pathOf(action)` is the URL of a change, and `more` is sent with each.
 */
function toolbar(element, pathOf, more = () => ({})) {
  const bar = el("div", { class: "row start", role: "group", "aria-label": "Controls" });
  const facts = soft();
  const message = el("p", { role: "status" });
  const form = el("form", { class: "edit card", hidden: true });
  element.replaceChildren(bar, facts, form, message);
  let shown = "";
  let isBusy = false;

  async function send(action, content) {
    const body = { ...content, ...more(action) };
    message.textContent = "Working…";
    message.className = "soft";
    let answer = await post(pathOf(action), { ...body, confirmed: false });
    if (answer.confirm) {
      message.textContent = "";
      if (!(await confirms(answer.confirm))) return false;
      message.textContent = "Working…";
      answer = await post(pathOf(action), { ...body, confirmed: true });
    }
    const refused = answer.fault || Object.keys(answer.refused ?? {}).length;
    message.className = refused ? "notice bad" : "notice good";
    message.textContent = answer.fault ? `Not done: ${answer.fault}.` : answer.message;
    if (answer.next) location.assign(answer.next);
    else refresh();
    return !answer.fault;
  }

  async function once(task) {
    if (isBusy) return;
    isBusy = true;
    await task();
    isBusy = false;
  }

  function setOpen(isOpen) {
    form.hidden = !isOpen;
    const editor = bar.querySelector("[aria-expanded]");
    editor.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? form.elements[0] : editor).focus();
  }

  function edit(fields) {
    const inputs = fields.map(({ name, label, text, is_long: isLong, hint }) => {
      const input = el(isLong ? "textarea" : "input", { name, rows: isLong ? 4 : null });
      input.value = text;
      return el("label", {}, el("span", {}, label, hint ? soft(hint) : null), input);
    });
    let knows = true; // after a refusal the person knows what another one has written
    const save = async () => {
      const changed = fields.filter(({ name, text }) => form.elements[name].value !== text);
      const texts = (read) => Object.fromEntries(changed.map((field) => [field.name, read(field)]));
      const values = texts(({ name }) => form.elements[name].value);
      const before = knows ? texts(({ text }) => text) : {};
      knows = !changed.length || (await send("edit", { values, before }));
      if (knows) setOpen(false);
    };
    const tools = [el("button", { class: "primary" }, "Save"), button("Cancel", () => setOpen(false))];
    form.replaceChildren(...inputs, el("div", { class: "row start" }, tools));
    form.onsubmit = (event) => {
      event.preventDefault();
      once(save);
    };
    form.onkeydown = (event) => event.key === "Escape" && setOpen(false);
    setOpen(true);
  }

  return (data) => {
    if (JSON.stringify(data) === shown) return;
    shown = JSON.stringify(data);
    const focused = bar.contains(document.activeElement) ? document.activeElement.name : null;
    const actions = data.actions.map(({ action: name, label, needs_confirmation: asks }) => {
      const onclick = () => once(() => send(name, {}));
      return el("button", { type: "button", name, class: asks ? "danger" : null, onclick }, label);
    });
    const onclick = () => (form.hidden ? edit(data.fields) : setOpen(false));
    const expanded = String(!form.hidden);
    bar.replaceChildren(
      ...actions,
      el("button", { type: "button", name: "edit", "aria-expanded": expanded, onclick }, "Edit"),
    );
    facts.textContent = data.facts;
    if (focused !== null) (bar.querySelector(`[name="${focused}"]`) ?? bar.firstChild).focus();
  };
}

const shows = new WeakMap();

/** Show the controls of the page's sweep or run in `element`. `data` is the page's data, with `controls`. */
export function control(element, { controls: data }) {
  if (!shows.has(element)) {
    shows.set(
      element,
      toolbar(element, (action) => `/-/control${location.pathname}/${action}`),
    );
    element.append(history(`/-/data${location.pathname}/changes`));
  }
  shows.get(element)(data);
}

/** Return an element with the controls of several runs. `runs` is a list of names, or returns it. */
export function controls({ runs }) {
  const { entity, name } = projectOf(location.pathname);
  const path = [entity, name].map(encodeURIComponent).join("/");
  const element = el("div", { class: "controls" });
  const chosen = (action) => ({ action, runs: typeof runs === "function" ? runs() : runs });
  const show = toolbar(element, () => `/-/control/${path}/runs`, chosen);
  get(`/-/data/${path}/controls`).then(show);
  return element;
}
