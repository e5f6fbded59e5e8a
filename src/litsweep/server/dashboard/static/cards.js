// Cards of charts. A card loads its figure when it is visible, and again when its data or options change.

import { button, el } from "./dom.js";
import { drawFigure } from "./figure.js";
import { update } from "./parts.js";
import { get } from "./poll.js";
import { listIn, state } from "./state.js";
import { whenVisible } from "./visible.js";

const PENDING_MS = 1000;

/** Return the control of an option of a chart. The state is bound to it. */
function controlOf(chart, { name: option, title, choices, is_list: isList }) {
  const name = `${chart.name}.${option}`;
  const data = { "data-state": name };
  if (!isList) {
    const options = choices.map((choice) => el("option", { value: choice }, choice));
    return el("label", {}, `${title} `, el("select", data, options));
  }
  const box = (value) => el("label", {}, el("input", { type: "checkbox", value, ...data }), ` ${value}`);
  const count = listIn(name).length;
  const summary = el("summary", {}, count ? `${title}: ${count}` : title);
  return el("details", { class: "choices", id: name }, summary, el("fieldset", {}, choices.map(box)));
}

function showControls({ chart, controls }) {
  const shown = chart.options.filter((option) => option.choices.length > 1);
  const counts = shown.map(({ name }) => listIn(`${chart.name}.${name}`).length);
  const text = JSON.stringify([shown, counts]);
  if (text === controls.dataset.shown) return;
  controls.dataset.shown = text;
  update(
    controls,
    shown.map((option) => controlOf(chart, option)),
  );
}

function makeCard(chart) {
  const id = `chart-${encodeURIComponent(chart.name)}`;
  const box = el("div", { class: "figure-box skeleton" });
  const message = el("p", { class: "notice bad", role: "alert", hidden: true });
  const busy = el("span", { class: "hint", role: "status" });
  const controls = el("div", { class: "options" });
  const wide = `${chart.name}.wide`;
  const enlarge = button("Enlarge", () => {
    const isWide = element.classList.contains("wide");
    state.set({ [wide]: isWide === Boolean(chart.is_wide) ? Number(!isWide) : null });
  });
  const head = el("h3", { id }, chart.title);
  const caption = el("figcaption", {}, head, busy, controls, enlarge);
  const element = el("figure", { class: "card chart-card", "aria-labelledby": id }, caption, message, box);
  const showWidth = () => {
    const isWide = Number(state.get(wide) ?? chart.is_wide ?? 0) === 1;
    element.classList.toggle("wide", isWide);
    enlarge.textContent = isWide ? "Shrink" : "Enlarge";
    enlarge.setAttribute("aria-label", `${enlarge.textContent} ${chart.title}`);
  };
  return { chart, element, box, message, busy, controls, showWidth, isVisible: () => false };
}

/** Return the query of a card's figure: the options in the URL that it has, and the filter. */
function queryOf({ chart }) {
  const options = chart.options.map(({ name }) => [name, state.get(`${chart.name}.${name}`)]);
  const used = [...options, ["filter", state.get("filter")]].filter(([, value]) => value);
  return new URLSearchParams(used).toString();
}

/**
 * Return the cards of charts. `address(chart)` returns the start of the URL of a chart's figure, `place(chart)` the
 * element of its card.
 * `drawn(chart, box)` is called after each drawing. `chosen()` returns the runs to highlight. `update` shows a list of charts. A new
 * `tag` says that a figure may have changed.
 */
export function chartCards({ address, place, drawn = () => {}, chosen = () => [] }) {
  const cards = new Map();

  async function load(card, url, wanted) {
    card.busy.textContent = card.figure ? "" : "Loading…";
    try {
      const figure = await get(url);
      if (card.wanted !== wanted) return;
      if (!figure.pending) await redraw(Object.assign(card, { figure }));
      else setTimeout(() => card.wanted === wanted && load(card, url, wanted), PENDING_MS);
      card.busy.textContent = figure.pending ? "Computing…" : "";
      card.message.hidden = true;
    } catch (error) {
      if (card.wanted !== wanted) return;
      card.wanted = null;
      card.busy.textContent = "";
      card.message.textContent = error.message;
      card.message.hidden = false;
    }
    card.box.classList.remove("skeleton");
  }

  async function redraw(card) {
    await drawFigure(card.box, card.figure, { chosen: chosen(), revision: queryOf(card), opens: true });
    drawn(card.chart, card.box);
  }

  function refresh(card) {
    if (!card.isVisible() || card.chart.missing) return;
    const query = queryOf(card);
    const wanted = `${query}#${card.chart.tag}`;
    if (card.wanted === wanted) return;
    card.wanted = wanted;
    load(card, address(card.chart) + query, wanted);
  }

  function sync(card) {
    showControls(card);
    card.showWidth();
    refresh(card);
  }

  let highlighted = state.get("runs");
  state.onChange(() => {
    const isRepainted = highlighted !== state.get("runs");
    highlighted = state.get("runs");
    for (const card of cards.values()) {
      sync(card);
      if (isRepainted && card.figure) redraw(card);
    }
  });

  return {
    update(charts) {
      for (const chart of charts) {
        if (!cards.has(chart.name)) {
          const card = makeCard(chart);
          cards.set(chart.name, card);
          place(chart).append(card.element);
          card.isVisible = whenVisible(card.element, () => refresh(card));
        }
        const card = cards.get(chart.name);
        card.chart = chart;
        card.element.hidden = Boolean(chart.missing);
        sync(card);
      }
    },
  };
}
