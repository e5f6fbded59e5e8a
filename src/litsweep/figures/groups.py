"""Groups of runs with equal values of some columns, such as all runs that differ in their seed only."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from litsweep.figures.columns import Column, columns, config_columns
from litsweep.figures.figure import escaped, value_label
from litsweep.figures.interval import Interval, interval
from litsweep.figures.sweep_data import Ranking, SweepData
from litsweep.sweep.pareto import INFEASIBLE
from litsweep.sweep.seeds import is_seed
from litsweep.sweep.values import identity

ALL_BUT_SEED = "all but seed"
_PLAIN = frozenset({str, int, float, type(None)})


@dataclass(frozen=True)
class Group:
    """Runs with equal values of the columns `names`.

    `values` has None where the runs have no value. `runs` are indices, in order of creation. `result` is the
    mean of the metric over the runs that have ended and are not broken, None if there is none. `best` is the
    best run of all, also of those that are still running. `failed` and `alive` count runs.
    """

    names: Sequence[str]
    values: Sequence[object]
    runs: Sequence[int]
    result: Interval | None
    best: int | None
    failed: int = 0
    alive: int = 0

    @property
    def label(self) -> str:
        """The columns and values, such as `optimizer=adam, lr=0.01`. It is escaped."""
        pairs = zip(self.names, self.values, strict=True)
        known = [f"{escaped(_last(name))}={value_label(value)}" for name, value in pairs if value is not None]
        return ", ".join(known) or "all runs"


def group_keys(sweep: SweepData) -> Sequence[str]:
    """Return what runs can be grouped by: `all but seed`, and the names of the config columns."""
    return [ALL_BUT_SEED, *config_columns(sweep)]


def group_rows(sweep: SweepData, keys: Sequence[str], metric: str | None = None) -> Sequence[Group]:
    """Return the groups of the runs that the filter keeps, by columns, the best mean first.

    Groups without a run that meets the constraints follow. `keys` are names of columns, or `all but seed` for
    the config columns that are not seeds. A run without a value of a column is in the group of those without
    it. Raises KeyError for an unknown column.
    """
    if sweep.matching is not None:
        return _groups(sweep, keys, sweep.ranking(metric))
    arguments = ("groups", tuple(keys), sweep.metric_index(metric))
    if arguments not in sweep.computed:
        sweep.computed[arguments] = _groups(sweep, keys, sweep.ranking(metric))
    found: Sequence[Group] = sweep.computed[arguments]
    return found


def _groups(sweep: SweepData, keys: Sequence[str], ranking: Ranking) -> Sequence[Group]:
    chosen = _columns(sweep, keys)
    getters, names = [column.get for column in chosen], [column.name for column in chosen]
    kept = [i for i, run in enumerate(sweep.runs) if sweep.matches(run)]
    rows = [[get(i, sweep.runs[i]) for get in getters] for i in kept]
    groups = [
        _group(sweep, ranking, names, row, [kept[place] for place in places])
        for row, places in places_of_equal_rows(rows)
    ]
    return sorted(groups, key=lambda group: _place(group, ranking))


def places_of_equal_rows(
    rows: Iterable[Sequence[object]],
) -> Sequence[tuple[Sequence[object], Sequence[int]]]:
    """Return each distinct row with the places where it is. 3.0 equals 3, and None stands for no value."""
    found: dict[Hashable, tuple[Sequence[object], list[int]]] = {}
    for place, row in enumerate(rows):
        # Plain values are their own keys, which is ten times as fast. NaN does not equal itself.
        key = tuple([v if v.__class__ in _PLAIN and v == v else identity(v) for v in row])
        found.setdefault(key, (row, []))[1].append(place)
    return list(found.values())


def _columns(sweep: SweepData, keys: Sequence[str]) -> Sequence[Column]:
    if ALL_BUT_SEED in keys:
        return [column for column in config_columns(sweep).values() if not is_seed(column.name)]
    found = columns(sweep)
    return [found[key] for key in keys]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _group(
    sweep: SweepData, ranking: Ranking, names: Sequence[str], row: Sequence[object], runs: Sequence[int]
) -> Group:
    usable = [i for i in runs if not (ranking.broken[i] or sweep.runs[i].is_alive)]
    feasible = [i for i in runs if ranking.values[i] is not None and ranking.standings[i] != INFEASIBLE]
    return Group(
        names=names,
        values=row,
        runs=runs,
        result=interval([ranking.values[i] for i in usable]),
        best=max(feasible, key=lambda i: ranking.ranks[i] or 0.0, default=None),
        failed=sum(ranking.broken[i] for i in runs),
        alive=sum(sweep.runs[i].is_alive for i in runs),
    )


def _place(group: Group, ranking: Ranking) -> tuple[bool, bool, float]:
    """Return the sort key of a group. Without a feasible run it comes after those with one."""
    if group.result is None:
        return True, group.best is None, 0.0
    return False, group.best is None, -ranking.metric.sign * group.result.mean
