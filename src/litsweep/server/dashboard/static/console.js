// The console output of a run.

const COLOUR_CODES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, "g");

/** Return the text of a stored console line, without the client's time stamp and without colour codes. */
export function consoleText(line) {
  let text = line.replace(/^(ERROR )?\d{4}-\d\d-\d\dT\S+ /, "");
  if (line.startsWith("{")) {
    try {
      text = JSON.parse(line).content ?? line;
    } catch {
      /* a line that only looks like JSON */
    }
  }
  return text.replace(COLOUR_CODES, "");
}
