"""What the runs so far tell the model."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding, encode_all
from litsweep.search.objective import objective
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Failure, Run, RunState

_NOT_THE_CONFIGS_FAULT = (Failure.SIGNAL, Failure.LOST)


@dataclass(frozen=True)
class Observations:
    """Runs as tensors. `y` has higher as better: the metric, negated where it is minimized.

    X n x d and y n: the configs with an objective, and `ids` of their runs; `pending` p x d: those that may still get
    one; `failed` f x d: those that never will, through what their config made them do. `tried` are the
    identities of all configs; `foreign` counts runs that have no place in the space.
    """

    ids: tuple[str, ...]
    X: Tensor
    y: Tensor
    pending: Tensor
    failed: Tensor
    tried: frozenset[Hashable]
    foreign: int

    @property
    def n(self) -> int:
        return len(self.ids)


def observe(encoding: Encoding, metric: Metric, runs: Sequence[Run]) -> Observations:
    """Sort the runs into those with an objective, those that may still get one, and failures."""
    sign = 1.0 if metric.is_maximized else -1.0
    ids: list[str] = []
    y: list[float] = []
    rows: dict[str, list[list[float]]] = {"seen": [], "pending": [], "failed": []}
    foreign = 0
    for run in runs:
        row = encoding.encode_or_none(run.parameters)
        value = objective(run, metric)
        if row is None:
            foreign += 1
        elif run.state.is_alive:
            rows["pending"].append(row)
        elif is_failure(run, value):
            rows["failed"].append(row)
        elif value is not None:
            rows["seen"].append(row)
            ids.append(run.id)
            y.append(sign * value)
    tensors = {kind: encode_all(encoding, found) for kind, found in rows.items()}
    tried = frozenset(encoding.space.key(run.parameters) for run in runs)
    return Observations(
        tuple(ids),
        tensors["seen"],
        torch.tensor(y, dtype=torch.double),
        tensors["pending"],
        tensors["failed"],
        tried,
        foreign,
    )


def is_failure(run: Run, value: float | None) -> bool:
    """True where the config is to blame that the run has no usable result.

    A run that the machine lost or a person killed says nothing about its config. One that diverged does, whatever it
    logged before.
    """
    if run.failure in _NOT_THE_CONFIGS_FAULT or run.state is RunState.KILLED:
        return False
    return value is None or run.failure is not None or run.state in (RunState.FAILED, RunState.CRASHED)
