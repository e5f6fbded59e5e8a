// The page of all projects.

import { showParts } from "./parts.js";
import { poll } from "./poll.js";

poll("/-/data/projects", ({ html }) => showParts(html));
