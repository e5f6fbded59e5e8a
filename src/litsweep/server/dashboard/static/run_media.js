// What a run logs besides numbers. Each key has a panel, whose content the server renders.

import { data } from "./address.js";
import { button, el } from "./dom.js";
import { drawFigure } from "./figure.js";
import { fillPart } from "./parts.js";
import { getData } from "./poll.js";
import { whenVisible } from "./visible.js";

const panels = new Map();
const viewer = document.querySelector(".viewer");
viewer.addEventListener("click", () => viewer.close());

/** Show an image as large as the window. */
function enlarge({ target }) {
  const picture = target.closest(".picture");
  if (!picture) return;
  const caption = picture.parentElement.querySelector(".caption");
  const parts = [picture.firstElementChild, caption].filter(Boolean).map((part) => part.cloneNode(true));
  viewer.replaceChildren(
    ...parts,
    button("Close", () => viewer.close()),
  );
  viewer.showModal();
}
document.addEventListener("click", enlarge);

class Panel {
  constructor(name) {
    this.query = { name };
    this.steps = [];
    const card = document.getElementById("panel").content.firstElementChild.cloneNode(true);
    const [heading, title, choice, figures, body] = card.children;
    const [slider, label] = choice.children;
    Object.assign(this, { title, choice, figures, body, slider, label });
    heading.textContent = name;
    slider.ariaLabel = `Step of ${name}`;
    slider.addEventListener("input", () => this.load({ start: 0 }));
    body.addEventListener("click", (event) => this.ask(event));
    document.getElementById("media").append(card);
    this.isStale = true;
    this.isVisible = whenVisible(card, () => this.isStale && this.load());
  }

  get isNewest() {
    return this.slider.value === this.slider.max;
  }

  /** Set the steps to choose from. A panel at its newest step follows the run. */
  setSteps(steps) {
    if (this.steps.length === steps.length && this.steps.at(-1) === steps.at(-1)) return;
    const follows = this.isNewest;
    this.steps = steps;
    this.slider.max = Math.max(0, steps.length - 1);
    this.choice.hidden = steps.length < 2;
    if (!follows) return;
    this.slider.value = this.slider.max;
    this.isStale = true;
    if (this.isVisible()) this.load();
  }

  /** Load what a button in the content asks for, such as the next page of a table. */
  async ask({ target }) {
    if (!target.dataset.query) return;
    await this.load(JSON.parse(target.dataset.query));
  }

  async load(more = {}) {
    this.isStale = false;
    Object.assign(this.query, more);
    const wanted = JSON.stringify([this.query, this.slider.value]);
    const place = this.isNewest ? {} : { place: this.slider.value };
    const query = new URLSearchParams({ ...this.query, ...place });
    const { title, step, figures, html } = await getData("/media", query);
    if (wanted !== JSON.stringify([this.query, this.slider.value])) return; // a newer choice is on its way
    this.title.textContent = title;
    this.label.textContent = step === null ? "" : `step ${step}`;
    fillPart(this.body, html);
    while (this.figures.childElementCount > figures.length) this.figures.lastElementChild.remove();
    while (this.figures.childElementCount < figures.length) this.figures.append(el("div"));
    const source = (i) => `${data}/media?${query}&table=figures&table=${i}`;
    await Promise.all(figures.map((figure, i) => drawFigure(this.figures.children[i], figure, source(i))));
  }
}

/** Show a panel for each key of the run's media. */
export function showMedia(media) {
  document.getElementById("media-section").hidden = media.length === 0;
  for (const { name, steps } of media) {
    if (!panels.has(name)) panels.set(name, new Panel(name));
    panels.get(name).setSteps(steps);
  }
}
