"""A table of runs: its columns, and the cells of each run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.rows import by_interest
from litsweep.server.dashboard.run_cells import AGGREGATES, CLIENT_SUMMARY, FIELDS, Catalogue, Cells
from litsweep.server.filter_expression import SEARCHED
from litsweep.server.filter_names import NUMBER, TEXT, Names
from litsweep.server.run_values import MISSING
from litsweep.sweep.pareto import INFEASIBLE
from litsweep.sweep.summary import is_aggregated

MAX_METRICS = 8
"""The largest number of metrics, and of config keys, that the table of a project shows at first."""

_TITLES = {"name": "Run", "id": "ID", "job_type": "Job type", "stop_reason": "Stopped because"}
CLIENT = tuple(f"summary.{name}" for name in CLIENT_SUMMARY)
_OF_METRIC = ("best", "last", "summary")
_SHOWN_LAST = ("duration", "created")
_OTHERS = (
    *("agent", "host", "sweep", "group", "job_type", "tags", "notes", "reason", "failure", "stop_reason"),
    *("retries", "retry_of", "started", "ended", "id"),
)


@dataclass(frozen=True)
class Column:
    """A column. `is_shown` says whether a new table shows it, and `is_pinned` whether it stays in view."""

    key: str
    kind: str
    is_shown: bool = False
    is_pinned: bool = False

    @property
    def title(self) -> str:
        """The head of the column."""
        root, _, rest = self.key.partition(".")
        if not rest:
            return _TITLES.get(root) or root.replace("_", " ").capitalize()
        return f"{root} {rest}" if root in ("best", "last") else rest


@dataclass(frozen=True)
class RunTable:
    """The runs, oldest first, and the columns. `added` has cells by column and run id that no run stores.

    `infeasible` has the ids of runs that do not meet the sweep's constraints.
    """

    runs: Sequence[Cells]
    columns: Sequence[Column]
    added: Mapping[str, Mapping[str, Any]]
    order: str
    best: frozenset[str] = frozenset()
    goals: Mapping[str, str] = field(default_factory=dict)
    infeasible: frozenset[str] = frozenset()
    unread: int = 0

    def read(self, key: str) -> Callable[[Cells], Any]:
        """Return the function that reads a run's cell of a column, or MISSING."""
        if key == SEARCHED:
            return lambda run: run.text
        if key in self.added:
            find = self.added[key].get
            return lambda run: find(run.get("id"), MISSING)
        return lambda run: run.get(key)

    @cached_property
    def by_key(self) -> Mapping[str, Column]:
        """The columns by key."""
        return {column.key: column for column in self.columns}

    @cached_property
    def names(self) -> Names:
        """What a filter may name. A metric with aggregates is not a column, but can be named."""
        return Names({column.key: column.kind for column in self.columns})

    @property
    def listed(self) -> Sequence[Column]:
        """The columns that a reader can choose."""
        return [column for column in self.columns if column.kind != AGGREGATES]


def of_project(runs: Sequence[Cells], known: Catalogue) -> RunTable:
    """Return the table of a project: with the metrics and the differing config keys that most runs have."""
    metrics = _most_common(known, "summary.", lambda key: known[key].kind == NUMBER and key not in CLIENT)
    config = _most_common(known, "config.", lambda key: known[key].varies)[:MAX_METRICS]
    shown = ["name", "state", "sweep", *config, *_by_interest(metrics[:MAX_METRICS]), *_SHOWN_LAST]
    return RunTable(runs, _columns(known, shown, {}), _retries(runs), "-created")


def of_sweep(runs: Sequence[Cells], known: Catalogue, sweep: SweepData) -> RunTable:
    """Return the table of a sweep: its parameters, metrics (best and last) and metrics with constraints."""
    metrics = [metric.name for metric in sweep.config.metrics]
    parameters = [f"config.{parameter.name}" for parameter in sweep.config.space.free]
    bests, lasts = [f"best.{name}" for name in metrics], [f"last.{name}" for name in metrics]
    added = {**_retries(runs), **_results(runs, sweep, bests, lasts)}
    front = ["front"] if len(metrics) > 1 else []
    limited = [f"summary.{each.metric}" for each in sweep.config.constraints if each.metric not in metrics]
    shown = ["name", "state", *parameters, *bests, *front, *lasts[:1], *limited, "duration", "reason"]
    own = dict.fromkeys((*bests, *lasts, *(f"summary.{name}" for name in metrics), *limited), NUMBER)
    more = {**dict.fromkeys(parameters, TEXT), **own, **dict.fromkeys(front, TEXT)}
    descending = "-" if sweep.metric.goal == "maximize" else ""
    order = f"{descending}{bests[0]}" if bests else "-created"
    best = frozenset(sweep.runs[i].name for i in sweep.best_runs)
    goals = {f"{root}.{each.name}": each.goal for each in sweep.config.metrics for root in _OF_METRIC}
    standings = zip(sweep.runs, sweep.ranking().standings, strict=True)
    infeasible = frozenset(run.name for run, place in standings if place == INFEASIBLE)
    return RunTable(runs, _columns(known, shown, more), added, order, best, goals, infeasible)


def _results(
    runs: Sequence[Cells], sweep: SweepData, bests: Sequence[str], lasts: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return the best and the last value of each metric, and what is on the front, by column and run id."""
    found: dict[str, dict[str, Any]] = {key: {} for key in (*bests, *lasts)}
    for run in sweep.runs:
        for key, value in zip(bests, run.bests, strict=False):
            if value is not None:
                found[key][run.name] = value
        if lasts and run.last is not None:
            found[lasts[0]][run.name] = run.last
    for key in lasts[1:]:
        found[key] = _last_in_summaries(runs, key.removeprefix("last."))
    if len(bests) > 1:
        found["front"] = {sweep.runs[i].name: "front" for i in sweep.front}
    return found


def _last_in_summaries(runs: Sequence[Cells], metric: str) -> dict[str, Any]:
    """Return the last value of a metric by run id. Of aggregates it is `last`."""
    logged = {run.get("id"): run.get(f"summary.{metric}") for run in runs}
    lasts = {
        id: value.get("last", MISSING) if is_aggregated(value) else value for id, value in logged.items()
    }
    return {id: last for id, last in lasts.items() if last is not MISSING}


def _retries(runs: Sequence[Cells]) -> dict[str, dict[str, Any]]:
    """Return how often each run was repeated."""
    firsts = (run.get("retry_of") for run in runs)
    return {"retries": dict(Counter(first for first in firsts if first is not MISSING))}


def _columns(known: Catalogue, shown: Sequence[str], more: Mapping[str, str]) -> Sequence[Column]:
    """Return the columns that are shown, and then the others: metrics, config keys, fields."""
    kinds = {**FIELDS, "retries": NUMBER, **more, **{name: found.kind for name, found in known.items()}}
    kinds.pop("title")
    metrics = _by_interest([key for key in kinds if key.startswith(("best.", "last.", "summary."))])
    config = sorted(key for key in kinds if key.startswith("config."))
    order = dict.fromkeys((*shown, *metrics, *config, *_SHOWN_LAST, *_OTHERS))
    first = set(shown)
    return [Column(key, kinds[key], key in first, key == "name") for key in order]


def _by_interest(keys: Sequence[str]) -> list[str]:
    places = {name: i for i, name in enumerate(by_interest({key.partition(".")[2] for key in keys}))}
    return sorted(keys, key=lambda key: (places[key.partition(".")[2]], key))


def _most_common(known: Catalogue, prefix: str, wanted: Callable[[str], bool]) -> list[str]:
    found = [key for key in known if key.startswith(prefix) and wanted(key)]
    return sorted(found, key=lambda key: (-known[key].count, key))
