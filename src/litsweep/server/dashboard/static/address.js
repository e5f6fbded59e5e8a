// URLs of pages, data and files.

const escaped = (parts) => parts.map(encodeURIComponent).join("/");

/** Return the URL of a page, with each part escaped. */
export const address = (...parts) => `/${escaped(parts)}`;

/**
 * Return the project of a page's path, and functions that return the URLs of its sweeps, of its runs and of
 * the page that compares `{runs: names}` or `{sweeps: names}`.
 */
export function projectOf(path) {
  const [, entity, name] = path.split("/").map(decodeURIComponent);
  return {
    entity,
    name,
    home: address(entity, name),
    sweep: (sweep) => address(entity, name, "sweeps", sweep),
    run: (run) => address(entity, name, "runs", run),
    compare: (chosen) => {
      const lists = Object.entries(chosen).map(([kind, names]) => `${kind}=${names.map(encodeURIComponent)}`);
      return `${address(entity, name, "compare")}?${lists.join("&")}`;
    },
  };
}

/** Return the URL of a file of the run at `path`. */
export const fileAddress = (path, file) => `/-/file${path}/${escaped(file.split("/"))}`;
