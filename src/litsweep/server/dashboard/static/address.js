// URLs of pages and data.

/** The URL of the page's data. */
export const data = `/-/data${location.pathname}`;

/** Return the project of a page's path, and the URLs of its runs and of the page that compares. */
export function projectOf(path) {
  const [, entity, name] = path.split("/");
  const home = `/${entity}/${name}`;
  return {
    home,
    run: (run) => `${home}/runs/${encodeURIComponent(run)}`,
    compare: (kind, names) => `${home}/compare?${kind}=${names.map(encodeURIComponent)}`,
  };
}
