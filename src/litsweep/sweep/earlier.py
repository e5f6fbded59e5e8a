"""An earlier sweep, from which a search learns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run
from litsweep.sweep.values import show


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
