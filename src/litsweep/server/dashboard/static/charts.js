// Plotly charts in the colours of the page.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.data) Plotly.Plots.resize(target);
});

/** Return a colour of the stylesheet. */
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return the layout of an axis. */
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

function layout({ x, y, more = () => ({}) }) {
  return {
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("soft"), size: 12 },
    margin: { l: 56, r: 12, t: 8, b: 40 },
    hovermode: "closest",
    showlegend: false,
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("text") } },
    xaxis: axis(x),
    yaxis: axis(y),
    ...more(),
  };
}

const render = (element, chart) =>
  Plotly.react(element, chart.traces(), layout(chart), { displayModeBar: false });

/**
 * Draw a chart: {traces, x, y, label, more?}. `x` and `y` are axis titles, `label` describes the chart.
 * `traces` and `more` (extra layout) are functions, because they run again when the theme changes.
 */
export function draw(element, chart) {
  drawn.set(element, chart);
  resized.observe(element);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", chart.label);
  return render(element, chart);
}

dark.addEventListener("change", () => {
  for (const [element, chart] of drawn) render(element, chart);
});

/** Return the range of the inner 96 % of the values if outliers would flatten the chart, else undefined. */
export function sensibleRange(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < 20) return undefined;
  const [low, high] = [sorted[Math.floor(sorted.length * 0.02)], sorted[Math.ceil(sorted.length * 0.98) - 1]];
  const spread = high - low;
  const isSkewed = sorted[sorted.length - 1] - sorted[0] > 3 * spread && spread > 0;
  return isSkewed ? [low - 0.05 * spread, high + 0.05 * spread] : undefined;
}
