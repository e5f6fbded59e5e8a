"""The runs of a sweep with freeze-thaw, sorted into those that are paused, in flight and ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import EncodedRun, Observations, observe
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.freeze_thaw import is_due
from litsweep.sweep.run import Run


@dataclass(frozen=True)
class PausedRun:
    """A paused run, its encoded config, and the iterations that it has."""

    run: Run
    row: tuple[float, ...]
    iterations: int

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id


@dataclass(frozen=True)
class FreezeThawState:
    """What the search knows. `started` counts the runs that are in flight, paused or ended.

    In `seen`, only runs in flight without a value are pending. `leader` is the run with the best value.
    """

    seen: Observations
    paused: tuple[PausedRun, ...]
    started: int
    leader: str | None

    @classmethod
    def of(cls, encoding: Encoding, config: SweepConfig, runs: Sequence[Run]) -> "FreezeThawState":
        """Sort the runs of a sweep."""
        metric = replace(config.metrics[0], impute_while_running=None)  # a paused run is a shorter training
        rows = ((run, encoding.encode(run.parameters)) for run in runs)
        encoded = [EncodedRun.of(run, row, metric) for run, row in rows if row is not None]
        paused = tuple(
            PausedRun(each.run, each.row, len(each.values)) for each in encoded if _is_paused(each)
        )
        seen = observe(encoding, config, metric, runs)
        pending = tuple(each.row for each in encoded if each.is_alive and not each.values)
        ended = seen.ended + len(paused)
        leader = max(seen.observed, key=lambda each: each.value).run if seen.observed else None
        in_flight = sum(each.is_alive for each in encoded) - len(paused)
        return cls(replace(seen, pending=pending, ended=ended), paused, ended + in_flight, leader)


def _is_paused(encoded: EncodedRun) -> bool:
    return encoded.run.state is RunState.PREEMPTED and is_due(encoded.run, len(encoded.values))
