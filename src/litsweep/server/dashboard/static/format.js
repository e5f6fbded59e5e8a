// Numbers and times as people read them.

const DASH = "–";

/** Four significant digits; whole numbers whole; very large and small ones with an exponent. */
export function number(value) {
  if (value === null || value === undefined) return DASH;
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(4)));
}

/** Any config value. */
export function value(any) {
  if (typeof any === "number") return number(any);
  if (any === null || any === undefined) return DASH;
  return typeof any === "string" ? any : JSON.stringify(any);
}

/** 42 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = Math.max(
    0,
    units.findIndex(([, size]) => whole >= size),
  );
  const [unit, size] = whole === 0 ? units[3] : units[first];
  const rest = units[first + 1];
  const head = `${Math.floor(whole / size)} ${unit}`;
  const tail = whole > 0 && rest ? Math.floor((whole % size) / rest[1]) : 0;
  return tail ? `${head} ${tail} ${rest[0]}` : head;
}

/** How long a run has been running, or ran. */
export const elapsed = (run) => (run.started ? (run.ended ?? Date.now() / 1000) - run.started : null);

export const time = (seconds) => new Date(seconds * 1000).toLocaleString();

/** 5 min ago. */
export function ago(seconds) {
  const passed = Date.now() / 1000 - seconds;
  return passed < 5 ? "just now" : `${duration(passed).split(" ").slice(0, 2).join(" ")} ago`;
}

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  return `${Number((size / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/** Names of metrics: the sweep's own first, and last those that only say how far a run is. */
export function inOrder(names, metric) {
  const place = (name) =>
    name === metric ? 0 : /^(epoch|step|(.*\/)?global_step|lr\b.*)$/.test(name) ? 2 : 1;
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** What a sweep is after: minimize loss, maximize accuracy. */
export const goals = (metrics) => metrics.map((metric) => `${metric.goal} ${metric.name}`).join(", ");
