// The state of a page, in the query of its URL: filter, sort, columns, chosen runs and the options of charts.

const listeners = [];
const read = () => new URLSearchParams(location.search);

function tell() {
  showState(document);
  for (const listener of listeners) listener();
}

export const state = {
  /** Return a value, or null. */
  get: (name) => read().get(name),

  /** Change values; null or "" removes one. `push` makes a new entry in the browser's history. */
  set(changes, { push = true } = {}) {
    const query = read();
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString().replaceAll("%2C", ",");
    if (text === read().toString().replaceAll("%2C", ",")) return;
    const url = `${location.pathname}${text && `?${text}`}${location.hash}`;
    history[push ? "pushState" : "replaceState"](null, "", url);
    tell();
  },

  /** Call `listener` after each change, also by Back and Forward. */
  onChange: (listener) => listeners.push(listener),
};

/** Return a value that is a list. */
export const listIn = (name) => (state.get(name) ?? "").split(",").filter(Boolean);

/** Return the value of an input that the URL leaves out. */
const standard = ({ dataset, options }) => dataset.standard ?? options?.[0].value ?? "";

/** Show the state in the inputs that name a value of it. A box is an item of a list, whose length can be shown. */
export function showState(root) {
  for (const input of root.querySelectorAll("[data-state]")) {
    const name = input.dataset.state;
    const value = state.get(name) ?? standard(input);
    if (input.type === "checkbox") input.checked = listIn(name).includes(input.value);
    else if (input.value !== value) input.value = value;
    if (input.selectedIndex < 0) input.selectedIndex = 0;
  }
  for (const each of root.querySelectorAll("[data-count]"))
    each.textContent = `: ${listIn(each.dataset.count).length}`.replace(": 0", "");
}

function setInput({ target: input, type }) {
  const name = input.dataset.state;
  if (!name || (type === "input" && input.type !== "search")) return;
  const others = listIn(name).filter((each) => each !== input.value);
  const isBox = input.type === "checkbox";
  const value = isBox ? [...others, ...(input.checked ? [input.value] : [])].join(",") : input.value;
  state.set({ [name]: value === standard(input) ? null : value }, { push: type === "change" });
}

for (const type of ["change", "input"]) document.addEventListener(type, setInput);
document.addEventListener(
  "click",
  ({ target }) => target.dataset.set && state.set(JSON.parse(target.dataset.set)),
);
window.addEventListener("popstate", tell);
showState(document);
