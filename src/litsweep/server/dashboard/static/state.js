// The state of a page, in the query of its URL: filter, sort, columns, chosen runs and the options of charts.

const listeners = [];
const read = () => new URLSearchParams(location.search);

function tell() {
  for (const listener of listeners) listener();
}

export const state = {
  /** Return a value, or null. */
  get: (name) => read().get(name),

  /** Change values; null or "" removes one. `push` makes a new entry in the browser's history. */
  set(changes, { push = false } = {}) {
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

window.addEventListener("popstate", tell);
