"""The names that a filter expression may use: the columns of a table of runs, and other spellings of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

NUMBER, TEXT, TIME, STATE, LIST = "number", "text", "time", "state", "list"

_PREFIXES = {
    "summary_metrics": "summary",
    "summaryMetrics": "summary",
    "metric": "summary",
    "metrics": "summary",
    "Config": "config",
    "Metric": "summary",
    "Summary": "summary",
    "SummaryMetric": "summary",
}
_SPELLINGS = {
    # The names of W&B's filters and of its workspaces.
    "ID": "id",
    "Name": "name",
    "displayName": "name",
    "display_name": "name",
    "State": "state",
    "Tags": "tags",
    "Notes": "notes",
    "Runtime": "duration",
    "runtime": "duration",
    "CreatedTimestamp": "created",
    "createdAt": "created",
    "created_at": "created",
    "Hostname": "host",
    "Group": "group",
    "Sweep": "sweep",
    "Agent": "agent",
    "JobType": "job_type",
    "jobType": "job_type",
}
_BARE = ("config", "summary", "best", "last")
"""What a name without a prefix can be, the first match."""


@dataclass(frozen=True)
class Names:
    """The columns of a table by key, each with the kind of its values."""

    kinds: Mapping[str, str]

    def key(self, name: str) -> str | None:
        """Return the key of the column with a name, or None."""
        name = _SPELLINGS.get(name, name)
        root, dot, rest = name.partition(".")
        if dot and root in _PREFIXES:
            name = f"{_PREFIXES[root]}.{rest}"
        tried = (name, *(f"{prefix}.{name}" for prefix in _BARE), name.removesuffix(".value"))
        return next((key for key in tried if key in self.kinds), None)

    def nearest(self, name: str) -> str | None:
        """Return a name that ends with an unknown one, else the one that is spelled most like it, or None."""
        if longer := self._longer(name):
            return longer
        root, dot, rest = name.partition(".")
        bare = {key.partition(".")[2]: key for key in self.kinds if key.startswith(_BARE)}
        known = {key: key for key in self.kinds} | {short: short for short in bare if short}
        if dot and _PREFIXES.get(root, root) in _BARE:  # a column of this kind first
            prefix = f"{_PREFIXES.get(root, root)}."
            own = [key for key in self.kinds if key.startswith(prefix)]
            if found := get_close_matches(prefix + rest, own, 1, 0.6):
                return found[0]
        lower = {key.casefold(): key for key in known}
        found = get_close_matches(name.casefold(), lower, 1, 0.6)
        return lower[found[0]] if found else None

    def _longer(self, name: str) -> str | None:
        """Return the first name whose last parts are `name`, such as `model.lr` for `lr`, or None."""
        root, dot, rest = name.partition(".")
        prefix = f"{_PREFIXES.get(root, root)}." if dot and _PREFIXES.get(root, root) in _BARE else ""
        ends = tuple(f"{separator}{rest if prefix else name}" for separator in "./")
        found = next((key for key in self.kinds if key.startswith(prefix) and key.endswith(ends)), None)
        return found if prefix or found is None else found.partition(".")[2]
