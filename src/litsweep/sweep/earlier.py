"""Earlier sweeps, from which a search learns, and which sweeps of a project they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw
from litsweep.sweep.run import Run
from litsweep.sweep.values import show

MOST_SWEEPS = 7
"""The number of earlier sweeps, the newest ones, that `transfer: auto` uses."""
LEAST_RUNS = 5
"""The number of ended runs that a sweep needs before others learn from it."""


@dataclass(frozen=True)
class EarlierSweep:
    """An earlier sweep: its parsed config and its runs. Reasons show its `name`."""

    config: SweepConfig
    runs: Sequence[Run]
    name: str = ""


def checked_earlier(earlier: Iterable[object]) -> tuple[EarlierSweep, ...]:
    """Return the earlier sweeps. Raises TypeError for anything else."""
    sweeps = list[EarlierSweep]()
    for index, sweep in enumerate(earlier):
        if not isinstance(sweep, EarlierSweep):
            fix = "write EarlierSweep(parse_sweep(…), controller.runs)"
            raise TypeError(f"earlier[{index}]: must be an EarlierSweep, got {show(sweep)}; {fix}")
        sweeps.append(sweep)
    return tuple(sweeps)


class OlderSweep(Protocol):
    """A sweep of the same project that was created before a new one."""

    @property
    def name(self) -> str:
        """The sweep's id."""

    @property
    def config(self) -> SweepConfig | None:
        """The parsed config; None if this version refuses it."""

    @property
    def ended(self) -> int:
        """The number of its runs that had ended when the new sweep was created."""


Older = TypeVar("Older", bound=OlderSweep)


def learns_from_earlier(config: SweepConfig) -> bool:
    """Return True if a Bayesian search of this config uses earlier sweeps."""
    has_one_metric = len(config.metrics) == 1
    return has_one_metric and config.transfer != () and not isinstance(config.early_terminate, FreezeThaw)


def choose_earlier(config: SweepConfig, older: Iterable[Older]) -> list[Older]:
    """Return the sweeps from which a new one learns, by its `transfer`. `older` has the newest ones first."""
    if not learns_from_earlier(config):
        return []
    enough = (each for each in older if _is_wanted(config, each) and each.ended >= LEAST_RUNS)
    return list(islice(enough, None if config.transfer else MOST_SWEEPS))


def has_same_subject(config: SweepConfig, earlier: SweepConfig) -> bool:
    """Return True if an earlier sweep has a sweep's metric and one of the parameters that vary in it."""
    metrics = {(metric.name, metric.goal) for metric in earlier.metrics}
    names = {parameter.name for parameter in config.space.free}
    shares = any(parameter.name in names for parameter in earlier.space.free)
    return shares and (config.metrics[0].name, config.metrics[0].goal) in metrics


def _is_wanted(config: SweepConfig, older: OlderSweep) -> bool:
    """Return True if `transfer` names the older sweep; for `auto`, if metric and a parameter are the same."""
    if config.transfer is not None and older.name not in config.transfer:
        return False
    theirs = older.config
    return theirs is not None and (config.transfer is not None or has_same_subject(config, theirs))
