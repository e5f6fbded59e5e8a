// Times and counts as text.

const DASH = "–";

/** Format a duration in its two largest units: 42 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    ["d", 86400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = units[first];
  const rest = units[first + 1];
  const head = `${Math.floor(whole / size)} ${unit}`;
  const tail = rest ? Math.floor((whole % size) / rest[1]) : 0;
  return tail ? `${head} ${tail} ${rest[0]}` : head;
}

/** Format a point in time as a local date and time. */
export const time = (seconds) => new Date(seconds * 1000).toLocaleString();

/** Format the time that has passed: 5 min ago. */
export function ago(seconds) {
  const passed = Date.now() / 1000 - seconds;
  return passed < 5 ? "just now" : `${duration(passed).split(" ").slice(0, 2).join(" ")} ago`;
}

/** Format a count: 1 run, 2 runs. */
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
