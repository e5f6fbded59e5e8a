// Cards of charts. A card loads its figure when it is visible, and again when its data or options change.

import { drawFigure } from "./figure.js";
import { nodesOf, showPart } from "./parts.js";
import { get } from "./poll.js";
import { state } from "./state.js";
import { whenVisible } from "./visible.js";

const PENDING_MS = 1000;

/** Return a new card. Its element is the server's. */
function makeCard(chart) {
  const [element] = nodesOf(chart.card);
  const part = (selector) => element.querySelector(selector);
  const own = { box: part(".figure-box"), message: part(".notice"), busy: part(".hint") };
  return { chart, element, ...own, controls: part(".options"), isVisible: () => false };
}

/** Show whether a card has a row of its own, and let its button change that. */
function showWidth({ chart, element }) {
  const name = `${chart.name}.wide`;
  const isWide = Number(state.get(name) ?? chart.is_wide ?? 0) === 1;
  const button = element.querySelector("figcaption > button");
  element.classList.toggle("wide", isWide);
  button.textContent = isWide ? "Shrink" : "Enlarge";
  button.ariaLabel = `${button.textContent} ${chart.title}`;
  button.dataset.set = JSON.stringify({ [name]: isWide === Boolean(chart.is_wide) ? Number(!isWide) : null });
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
      if (!figure.pending) await redraw(Object.assign(card, { figure, url }));
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
    const look = { chosen: chosen(), revision: queryOf(card), opens: true };
    await drawFigure(card.box, card.figure, `${card.url}&table=`, look);
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
    showPart(card.controls, card.chart.controls);
    showWidth(card);
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
