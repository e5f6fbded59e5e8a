// A menu of columns: choose, move and pin them.

import { button, el } from "./dom.js";

const small = (text, label, onclick, isPressed) => {
  const made = button(text, onclick);
  made.setAttribute("aria-label", label);
  if (isPressed !== undefined) made.setAttribute("aria-pressed", String(isPressed));
  return made;
};

/** Return a menu. `change` gets what `apply` of the shown choice returns for the new keys. */
export function menu(title, change) {
  let columns = [];
  let choice = { chosen: [], apply: () => ({}) };
  const items = el("ul", { class: "menu-items" });
  const search = el("input", {
    type: "search",
    placeholder: "Find",
    "aria-label": `Find in ${title}`,
    oninput: draw,
  });
  const panel = el("div", { class: "menu-panel" }, search, items);
  const element = el("details", { class: "menu", ontoggle: draw }, el("summary", {}, title), panel);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    element.open = false;
    element.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.composedPath().includes(element)) element.open = false;
  });

  function set(keys, pins = choice.pinned) {
    const label = document.activeElement?.getAttribute("aria-label");
    choice = { ...choice, chosen: keys, pinned: pins };
    draw();
    [...items.querySelectorAll("[aria-label]")]
      .find((each) => each.getAttribute("aria-label") === label)
      ?.focus();
    change(choice.apply(keys, pins));
  }

  function move(key, to) {
    const keys = choice.chosen.filter((other) => other !== key);
    keys.splice(to, 0, key);
    return keys;
  }

  function tools(column, at) {
    const pins = choice.pinned;
    const isPinned = at < pins;
    return [
      small("↑", `Move ${column.title} forward`, () => set(move(column.key, Math.max(0, at - 1)))),
      small(
        "⇤",
        `Pin ${column.title}`,
        () => set(move(column.key, isPinned ? pins - 1 : pins), pins + (isPinned ? -1 : 1)),
        isPinned,
      ),
    ];
  }

  function item(column) {
    const at = choice.chosen.indexOf(column.key);
    const toggle = () =>
      set(at < 0 ? [...choice.chosen, column.key] : choice.chosen.filter((key) => key !== column.key));
    const box = el("input", {
      type: "checkbox",
      "aria-label": column.title,
      checked: at >= 0,
      onchange: toggle,
    });
    const label = el("label", { title: column.key }, box, ` ${column.title}`);
    return el("li", {}, label, at >= 0 && choice.pinned !== undefined ? tools(column, at) : null);
  }

  function draw() {
    if (!element.open) return;
    const place = new Map(choice.chosen.map((key, i) => [key, i]));
    const text = search.value.toLowerCase();
    const found = columns.filter((column) => `${column.key} ${column.title}`.toLowerCase().includes(text));
    found.sort(
      (one, other) => (place.get(one.key) ?? columns.length) - (place.get(other.key) ?? columns.length),
    );
    items.replaceChildren(...found.slice(0, 200).map(item));
  }

  return {
    element,
    show(newColumns, newChoice) {
      columns = newColumns;
      choice = newChoice;
      if (!items.contains(document.activeElement)) draw();
    },
  };
}
