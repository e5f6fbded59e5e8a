// Data that keep up with the server: asked for again every few seconds while somebody looks.

const EVERY_MS = 3000;
const MOST_SHARE = 0.1; // of the time, at most, a page keeps the server busy

async function fetchJson(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.status === 401) location.reload(); // the session has ended: the server shows the login page
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return { data: await response.json(), tag: response.headers.get("ETag") };
}

export const get = async (url) => (await fetchJson(url)).data;

/** Call `render` with the data at `url` now and whenever they have changed. */
export function poll(url, render) {
  const live = document.getElementById("live");
  let known = null;
  const say = (text, state) => {
    if (live.textContent !== text) live.textContent = text;
    live.dataset.state = state;
  };
  async function look() {
    const begun = performance.now();
    if (!document.hidden) {
      try {
        const { data, tag } = await fetchJson(url);
        if (tag === null || tag !== known) await render(data);
        known = tag;
        say("Live", "live");
      } catch (error) {
        say("Connection lost, trying again", "lost");
        console.error(error);
      }
    }
    setTimeout(look, Math.max(EVERY_MS, (performance.now() - begun) / MOST_SHARE));
  }
  document.addEventListener("visibilitychange", () => document.hidden && say("Paused", "paused"));
  look();
}
