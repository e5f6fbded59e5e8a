// Controls: buttons, and the form for names, notes and tags. The server decides which buttons there are, which
// of them need a confirmation, and what their dialogs say.

import { projectOf } from "./address.js";
import { showPart } from "./parts.js";
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

/** Ask in the page's dialog. Return true if the person confirms. */
function confirms({ title, text, label }) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector(".danger").textContent = label;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * Return a function that shows the server's controls in a toolbar. `pathOf(action)` is the URL of a change, and
 * `more` is sent with each.
 */
function toolbar(element, pathOf, more = () => ({})) {
  const [bar, place, message] = element.children;
  let isBusy = false;
  const say = (look, text) => Object.assign(message, { className: look, textContent: text });

  async function send(action, content = {}) {
    const body = { ...content, ...more(action) };
    say("soft", "Working…");
    let answer = await post(pathOf(action), { ...body, confirmed: false });
    if (answer.confirm) {
      say("soft", "");
      if (!(await confirms(answer.confirm))) return false;
      say("soft", "Working…");
      answer = await post(pathOf(action), { ...body, confirmed: true });
    }
    const isRefused = answer.fault || Object.keys(answer.refused ?? {}).length;
    say(
      isRefused ? "notice bad" : "notice good",
      answer.fault ? `Not done: ${answer.fault}.` : answer.message,
    );
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

  const markOpen = () =>
    bar.querySelector("[aria-expanded]").setAttribute("aria-expanded", place.hasChildNodes());

  function close() {
    place.replaceChildren();
    markOpen();
    bar.querySelector("[aria-expanded]").focus();
  }

  function edit() {
    const form = bar.querySelector("template").content.firstElementChild.cloneNode(true);
    const inputs = [...form.elements].filter((each) => each.tagName !== "BUTTON");
    let knows = true; // after a refusal the person knows what another one has written
    const save = async () => {
      const changed = inputs.filter((each) => each.value !== each.defaultValue);
      const texts = (name) => Object.fromEntries(changed.map((each) => [each.name, each[name]]));
      const content = { values: texts("value"), before: knows ? texts("defaultValue") : {} };
      knows = !changed.length || (await send("edit", content));
      if (knows) close();
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      once(save);
    };
    form.onkeydown = (event) => event.key === "Escape" && close();
    form.elements.cancel.onclick = close;
    place.replaceChildren(form);
    markOpen();
    inputs[0].focus();
  }

  bar.addEventListener("click", ({ target }) => {
    if (target.dataset.action) once(() => send(target.dataset.action));
    else if (target.name === "edit") place.hasChildNodes() ? close() : edit();
  });
  return (html) => {
    showPart(bar, html);
    markOpen();
  };
}

let show = null;

/** Show the controls of the page's sweep or run. */
export function control({ controls: { html } }) {
  const element = document.querySelector("#controls .toolbar");
  show ??= toolbar(element, (action) => `/-/control${location.pathname}/${action}`);
  show(html);
}

/** Show the controls of several runs in a toolbar. `runs` returns their names. */
export async function runControls(element, runs) {
  const { home } = projectOf(location.pathname);
  const chosen = (action) => ({ action, runs: runs() });
  const show = toolbar(element, () => `/-/control${home}/runs`, chosen);
  show((await get(`/-/data${home}/controls`)).html);
}
