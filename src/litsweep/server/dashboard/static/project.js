// The page of a project.

import { data } from "./address.js";
import { showParts } from "./parts.js";
import { poll } from "./poll.js";
import { showSelection } from "./selection.js";
import { runTable } from "./table.js";

poll(data, ({ html }) => showParts(html));
showSelection();
runTable();
