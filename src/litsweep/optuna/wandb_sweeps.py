"""The earlier sweeps of a W&B project, read with the stock client, for a sweep that a scheduler drives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import wandb
from wandb.apis.public import Sweep

from litsweep.errors import LitsweepError, client_errors
from litsweep.figures.posterior import engine_runs
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.figures.wandb_sweep import read, seconds
from litsweep.sweep.config import SweepConfig, parsed_or_none
from litsweep.sweep.earlier import EarlierSweep, choose_earlier, learns_from_earlier
from litsweep.sweep.metric import Metric


def earlier_sweeps(config: SweepConfig, entity: str, project: str, id: str) -> list[EarlierSweep]:
    """Return the sweeps that the sweep `id` learns from, with their runs that had ended when it was created.

    Raises LitsweepError if `transfer` names a sweep that is not in the project, or if the server does not
    answer.
    """
    if not learns_from_earlier(config):
        return []
    with client_errors(f"cannot list the sweeps of {entity}/{project}", ValueError):
        found = list(wandb.Api().project(project, entity).sweeps())
    created = {sweep.id: seconds(sweep.created_at) or 0.0 for sweep in found}
    if missing := [name for name in config.transfer or () if name not in created]:
        what = f"no such sweep in project {entity}/{project}: {', '.join(missing)}"
        raise LitsweepError(f"litsweep.transfer: {what}; give a sweep's id")
    before = created.get(id, 0.0)
    older = [sweep for sweep in found if created[sweep.id] < before]
    newest_first = sorted(older, key=lambda sweep: created[sweep.id], reverse=True)
    chosen = choose_earlier(config, [_Older(sweep, before) for sweep in newest_first])
    return [each.earlier(config.metrics[0]) for each in chosen]


@dataclass(frozen=True)
class _Older:
    """A sweep of the project as `choose_earlier` reads it. Its runs are read when they are needed."""

    sweep: Sweep
    before: float

    @property
    def name(self) -> str:
        return str(self.sweep.id)

    @cached_property
    def config(self) -> SweepConfig | None:
        return parsed_or_none(self.sweep.config)  # W&B accepts configs that litsweep refuses

    @property
    def ended(self) -> int:
        return len(self._ended_runs)

    def earlier(self, metric: Metric) -> EarlierSweep:
        assert self.config is not None, "chosen"
        data = SweepData(title=self.name, config=self.config, runs=self._ended_runs)
        return EarlierSweep(self.config, engine_runs(data, metric), self.name)

    @cached_property
    def _ended_runs(self) -> Sequence[RunData]:
        runs = read(self.sweep).runs
        return [run for run in runs if run.ended is not None and run.ended < self.before]
