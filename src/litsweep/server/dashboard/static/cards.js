// Cards of charts. A card loads its figure when it is visible, and again when its data or options change.

import { button, el, list } from "./dom.js";
import { drawFigure } from "./figure.js";
import { get } from "./poll.js";
import { listIn, state } from "./state.js";

const PENDING_MS = 1000;

/** Return a control for an option of a chart, and a function that shows the state in it. */
function controlOf(chart, option) {
  const name = `${chart.name}.${option.name}`;
  const set = (value) => state.set({ [name]: value }, { push: true });
  if (!option.is_list) {
    const choices = option.choices.map((choice) => el("option", { value: choice }, choice));
    const onchange = () => set(select.selectedIndex ? select.value : null);
    const select = el("select", { onchange }, choices);
    const sync = () => {
      select.value = option.choices.includes(state.get(name)) ? state.get(name) : option.choices[0];
    };
    return { element: el("label", {}, `${option.title} `, select), sync };
  }
  const onchange = () =>
    set(
      boxes
        .filter((box) => box.checked)
        .map((box) => box.value)
        .join(","),
    );
  const boxes = option.choices.map((value) => el("input", { type: "checkbox", value, onchange }));
  const labels = boxes.map((box) => el("label", {}, box, ` ${box.value}`));
  const summary = el("summary", {}, option.title);
  const sync = () => {
    const chosen = listIn(name);
    for (const box of boxes) box.checked = chosen.includes(box.value);
    summary.textContent = chosen.length ? `${option.title}: ${chosen.length}` : option.title;
  };
  return { element: el("details", { class: "choices" }, summary, el("fieldset", {}, labels)), sync };
}

function controlsOf(card) {
  const shown = card.chart.options.filter((option) => option.choices.length > 1);
  const text = JSON.stringify(shown);
  if (text === card.optionsText) return;
  card.optionsText = text;
  card.syncs = shown.map((option) => controlOf(card.chart, option));
  card.controls.replaceChildren(...card.syncs.map(({ element }) => element));
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
    state.set({ [wide]: isWide === Boolean(chart.wide) ? Number(!isWide) : null }, { push: true });
  });
  const head = el("h3", { id }, chart.title);
  const caption = el("figcaption", {}, head, busy, controls, enlarge);
  const element = el("figure", { class: "card chart-card", "aria-labelledby": id }, caption, message, box);
  const showWidth = () => {
    const isWide = Number(state.get(wide) ?? chart.wide ?? 0) === 1;
    element.classList.toggle("wide", isWide);
    enlarge.textContent = isWide ? "Shrink" : "Enlarge";
    enlarge.setAttribute("aria-label", `${enlarge.textContent} ${chart.title}`);
  };
  return { chart, element, box, message, busy, controls, showWidth, syncs: [], isVisible: false };
}

/** Return the query of a card's figure: the options in the URL that it has, and the filter. */
function queryOf({ chart }) {
  const options = chart.options.map(({ name }) => [name, state.get(`${chart.name}.${name}`)]);
  const used = [...options, ["filter", state.get("filter")]].filter(([, value]) => value);
  return new URLSearchParams(used).toString();
}

/**
 * Return the cards of charts. `address(chart, query)` returns the URL of a chart's figure, `place(chart)` the
 * element of its card.
 * `drawn(chart, box)` is called after each drawing. `chosen()` returns the runs to highlight. `update` shows a list of charts. A new
 * `tag` says that a figure may have changed.
 */
export function chartCards({ address, place, drawn = () => {}, chosen = () => [] }) {
  const cards = new Map();
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const card = [...cards.values()].find(({ element }) => element === target);
        card.isVisible = isIntersecting;
        refresh(card);
      }
    },
    { rootMargin: "300px" },
  );

  async function load(card, url, wanted) {
    card.busy.textContent = card.figure ? "" : "Loading…";
    try {
      const figure = await get(url);
      if (card.wanted !== wanted) return;
      if (!figure.pending) await show(card, figure);
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

  async function show(card, figure) {
    card.figure = figure;
    await redraw(card);
  }

  async function redraw(card) {
    await drawFigure(card.box, card.figure, { chosen: chosen(), revision: queryOf(card), opens: true });
    drawn(card.chart, card.box);
  }

  function refresh(card) {
    if (!card.isVisible || card.chart.missing) return;
    const query = queryOf(card);
    const wanted = `${query}#${card.chart.tag}`;
    if (card.wanted === wanted) return;
    card.wanted = wanted;
    load(card, address(card.chart, query), wanted);
  }

  function sync(card) {
    controlsOf(card);
    for (const control of card.syncs) control.sync();
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
          seen.observe(card.element);
        }
        const card = cards.get(chart.name);
        card.chart = chart;
        card.element.hidden = Boolean(chart.missing);
        sync(card);
      }
    },
  };
}

/** Return a list of the charts that cannot be drawn, with what they lack. */
export const missingCharts = (charts) =>
  list(
    "missing",
    charts
      .filter(({ missing }) => missing)
      .map(({ title, missing }) => el("li", {}, el("b", {}, title), ` ${missing}`)),
    "",
  );
