// The modules of the dashboard that hold logic and need no browser.

export * from "../../src/litsweep/server/dashboard/static/console.js";
export * from "../../src/litsweep/server/dashboard/static/format.js";
