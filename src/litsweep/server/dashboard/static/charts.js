// Plotly in the colours of the page.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.data) Plotly.Plots.resize(target);
});

export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** An axis in the colours of the page. */
export const axis = (title, range) => ({
  gridcolor: colour("line"),
  zerolinecolor: colour("line"),
  linecolor: colour("line"),
  automargin: true,
  title: { text: title, standoff: 8, font: { size: 12 } },
  tickfont: { size: 11 },
  exponentformat: "e",
  range,
});

function layout(yTitle, xTitle, more) {
  return {
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("soft"), size: 12 },
    margin: { l: 56, r: 12, t: 8, b: 40 },
    hovermode: "closest",
    showlegend: false,
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("text") } },
    xaxis: axis(xTitle),
    yaxis: axis(yTitle),
    ...more,
  };
}

const config = { displayModeBar: false };

/** Draw or redraw: `traces` and `more` (layout) are functions, called again when the theme changes. */
export function draw(element, { traces, x, y, label, more = () => ({}) }) {
  drawn.set(element, { traces, x, y, more });
  resized.observe(element);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  return Plotly.react(element, traces(), layout(y, x, more()), config);
}

dark.addEventListener("change", () => {
  for (const [element, { traces, x, y, more }] of drawn)
    Plotly.react(element, traces(), layout(y, x, more()), config);
});

/** A range that does not let one diverged run flatten all others: the inner 96 % of the values, and some air. */
export function sensibleRange(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < 20) return undefined;
  const [low, high] = [sorted[Math.floor(sorted.length * 0.02)], sorted[Math.ceil(sorted.length * 0.98) - 1]];
  const spread = high - low;
  const isSkewed = sorted[sorted.length - 1] - sorted[0] > 3 * spread && spread > 0;
  return isSkewed ? [low - 0.05 * spread, high + 0.05 * spread] : undefined;
}
