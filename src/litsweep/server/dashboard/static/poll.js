// Polling: a page asks the server for new data every few seconds while it is visible.

import { data } from "./address.js";

const INTERVAL_MS = 3000;
const MAX_LOAD = 0.1; // share of the time that a page may spend on requests

export async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.status === 401) location.reload(); // the session has expired: the server shows the login page
  const found = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Error(found.errors?.[0]?.message ?? `The server answered HTTP ${response.status}.`);
  return { data: found, tag: response.headers.get("ETag") };
}

/** Return the data at `url`. */
export const get = async (url) => (await fetchJson(url)).data;

/** Return the data at an address below the page's, with a query. */
export const getData = (path, query = {}) => get(`${data}${path}?${new URLSearchParams(query)}`);

/** Make the page ask for new data now, after a change. */
export const refresh = () => document.dispatchEvent(new Event("changed"));

/** Say whether the page waits for its first data: "true", or null. */
export function setBusy(state) {
  document.querySelector("main").ariaBusy = state;
}

/**
 * Call `render` with the data at `url`, a text or a function, at once and after each change. The page is busy until
 * `render` shows its first parts: only its title is visible, because what comes above the rest would move it.
 */
export function poll(url, render) {
  const live = document.getElementById("live");
  setBusy("true");
  let rendered = null;
  const say = (text, state) => {
    if (live.textContent !== text) live.textContent = text;
    live.dataset.state = state;
  };
  let timer = 0;
  async function update() {
    clearTimeout(timer);
    const start = performance.now();
    if (!document.hidden) {
      try {
        const { data: found, tag } = await fetchJson(typeof url === "function" ? url() : url);
        if (tag === null || tag !== rendered) await render(found);
        rendered = tag;
        say("Live", "live");
      } catch (error) {
        say(error instanceof TypeError ? "Connection lost, trying again" : error.message, "lost");
        console.error(error);
      }
      setBusy(null);
    }
    clearTimeout(timer);
    timer = setTimeout(update, Math.max(INTERVAL_MS, (performance.now() - start) / MAX_LOAD));
  }
  document.addEventListener("changed", update);
  document.addEventListener("visibilitychange", () => (document.hidden ? say("Paused", "paused") : update()));
  update();
}
