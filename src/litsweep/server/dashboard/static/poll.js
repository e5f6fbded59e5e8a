// Polling: a page asks the server for new data every few seconds while it is visible.

const INTERVAL_MS = 3000;
const MAX_LOAD = 0.1; // share of the time that a page may spend on requests

async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.status === 401) location.reload(); // the session has expired: the server shows the login page
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return { data: await response.json(), tag: response.headers.get("ETag") };
}

/** Return the data at `url`. */
export const get = async (url) => (await fetchJson(url)).data;

/** Make the page ask for new data now, after a change. */
export const refresh = () => document.dispatchEvent(new Event("changed"));

/** Call `render` with the data at `url`, at once and after each change. */
export function poll(url, render) {
  const live = document.getElementById("live");
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
        const { data, tag } = await fetchJson(url);
        if (tag === null || tag !== rendered) await render(data);
        rendered = tag;
        say("Live", "live");
      } catch (error) {
        say("Connection lost, trying again", "lost");
        console.error(error);
      }
    }
    clearTimeout(timer);
    timer = setTimeout(update, Math.max(INTERVAL_MS, (performance.now() - start) / MAX_LOAD));
  }
  document.addEventListener("changed", update);
  document.addEventListener("visibilitychange", () => document.hidden && say("Paused", "paused"));
  update();
}
