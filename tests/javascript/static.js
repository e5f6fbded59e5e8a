// The dashboard's modules that need no browser.

export * from "../../src/litsweep/server/dashboard/static/format.js";
