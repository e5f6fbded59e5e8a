// Menus of the table: what is checked in one, in its order, is a list in the URL.

import { data } from "./address.js";
import { fillPart } from "./parts.js";
import { get } from "./poll.js";
import { state } from "./state.js";

const menus = [...document.querySelectorAll(".menu")];
const pinned = () => Number(state.get("pinned") ?? 1);

function find(menu) {
  const text = menu.querySelector("[type=search]").value.toLowerCase();
  for (const item of menu.querySelectorAll("li")) {
    const names = `${item.querySelector("label").title} ${item.textContent}`;
    item.hidden = !names.toLowerCase().includes(text);
  }
}

/** Load the items of an open menu. */
async function show(menu) {
  if (!menu.open) return;
  const query = location.search.slice(1);
  const { html } = await get(`${data}/table?as=${menu.dataset.list}&${query}`);
  if (query !== location.search.slice(1)) return; // a later call shows what is chosen now
  fillPart(menu.querySelector("ul"), html);
  menu.querySelectorAll("[name=pin]").forEach((button, place) => {
    button.ariaPressed = place < pinned();
  });
  find(menu);
}

/** Put what is checked into the URL, with the number of pinned columns. */
function change(menu, pins = pinned()) {
  const keys = [...menu.querySelectorAll("li :checked")].map(({ value }) => value);
  const more = menu.dataset.list === "group" ? { sort: null } : { pinned: pins === 1 ? null : pins };
  state.set({ [menu.dataset.list]: keys.join(","), ...more });
}

/** Move a column to the place before, or pin it: it becomes the last one of those that stay in view. */
function move(menu, button) {
  const item = button.closest("li");
  const items = item.parentElement.children;
  const isPinned = button.ariaPressed === "true";
  if (button.name === "forward") item.previousElementSibling?.before(item);
  else if (isPinned) items[pinned() - 1].after(item);
  else items[pinned()].before(item);
  button.focus();
  change(menu, pinned() + (button.name === "pin" ? 1 - 2 * isPinned : 0));
}

/** Load the items of a menu that was opened, and scroll them into view. */
async function toggled(menu) {
  await show(menu);
  if (menu.open) menu.querySelector(".menu-panel").scrollIntoView({ block: "nearest" });
}

function close(menu) {
  menu.open = false;
  menu.querySelector("summary").focus();
}

for (const menu of menus) {
  menu.addEventListener("toggle", () => toggled(menu));
  menu.addEventListener("input", ({ target }) => target.type === "search" && find(menu));
  menu.addEventListener("change", ({ target }) => target.type === "checkbox" && change(menu));
  menu.addEventListener("click", ({ target }) => target.name && move(menu, target));
  menu.addEventListener("keydown", ({ key }) => key === "Escape" && close(menu));
  state.onChange(() => show(menu));
}
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!event.composedPath().includes(menu)) menu.open = false;
});
