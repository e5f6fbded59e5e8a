"""The ledger of a grid: the state of each of its points."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from litsweep.errors import shortened
from litsweep.search.enumeration import grid
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.run import Run, has_result
from litsweep.sweep.space import SearchSpace

LISTED_SIZE = 200
"""The points of a larger grid are only counted, because they may not fit in memory."""


class PointState(StrEnum):
    """The state of a point. If several runs have its config, the run that got furthest counts.

    An open point has no run, or one that waits for an agent. A point whose run ended without a result is
    given up until `litsweep retry` opens it again.
    """

    GIVEN_UP = "given up"
    OPEN = "open"
    RUNNING = "running"
    DONE = "done"


SHOWN = (PointState.DONE, PointState.RUNNING, PointState.OPEN, PointState.GIVEN_UP)
"""The states in the order in which the command line and the pages count them."""


@dataclass(frozen=True)
class GridPoint:
    """A point of a grid, its state, and the run that the state comes from."""

    parameters: Mapping[str, object]
    state: PointState = PointState.OPEN
    run: str | None = None


@dataclass(frozen=True)
class GridLedger:
    """The number of points in each state, and the points in the order of the grid if it is small."""

    counts: Mapping[PointState, int]
    points: tuple[GridPoint, ...] = ()

    @property
    def size(self) -> int:
        """The number of points."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        counted = ", ".join(f"{shortened(self.counts[state])} {state}" for state in SHOWN)
        return f"grid of {shortened(self.size)} point{'s' if self.size != 1 else ''}: {counted}"


def grid_ledger(config: SweepConfig, runs: Iterable[Run]) -> GridLedger | None:
    """Return the ledger of a grid search after these runs; None for another method.

    A run off the grid does not count. In a large grid, a run counts if it has a value for each parameter.
    """
    if config.method is not Method.GRID or config.scheduler is not None:
        return None
    space, size = config.space, int(config.space.grid_size)
    reached = _reached(space, runs)
    if size > LISTED_SIZE:
        counted = Counter(point.state for point in reached.values())
        waiting = counted.pop(PointState.OPEN, 0)
        rest = max(waiting, size - counted.total())
        return GridLedger({state: counted[state] for state in SHOWN} | {PointState.OPEN: rest})
    points = {space.key(parameters): GridPoint(parameters) for parameters in grid(space)}
    points |= {key: point for key, point in reached.items() if key in points}
    counted = Counter(point.state for point in points.values())
    return GridLedger({state: counted[state] for state in SHOWN}, tuple(points.values()))


def _reached(space: SearchSpace, runs: Iterable[Run]) -> dict[Hashable, GridPoint]:
    """Return the point of each run, by the key of its config. Of equally far runs the first one counts."""
    rank = {state: place for place, state in enumerate(PointState)}
    found: dict[Hashable, GridPoint] = {}
    for run in runs:
        active = [parameter.name for parameter in space.active(run.parameters)]
        if not all(name in run.parameters for name in active):
            continue
        parameters = {name: run.parameters[name] for name in active}
        point, key = GridPoint(parameters, _state(run), run.id), space.key(parameters)
        known = found.get(key)
        if known is None or (known.state is not PointState.DONE and rank[point.state] >= rank[known.state]):
            found[key] = point
    return found


def _state(run: Run) -> PointState:
    if has_result(run.state, run.stopped_early, run.failure):
        return PointState.DONE
    if not run.state.is_alive:
        return PointState.GIVEN_UP
    return PointState.RUNNING if run.state.is_running else PointState.OPEN
