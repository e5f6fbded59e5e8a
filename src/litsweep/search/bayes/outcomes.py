"""The models of a run's other outcomes: the values that have constraints, and the cost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from litsweep.search.bayes.constraints import ConstraintModel, Constraints, Row
from litsweep.search.bayes.cost import MIN_RUNS, CostModel
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.weights import Weight
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import are_met, values_of_run
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import Run


@dataclass(frozen=True)
class Outcomes:
    """The models of constraints and of the cost; None without them. They are fitted on first use."""

    constraints: Constraints | None = None
    cost: CostModel | None = None

    @classmethod
    def of(cls, encoding: Encoding, config: SweepConfig, runs: Sequence[Run], seed: int) -> "Outcomes":
        """Return the models of a sweep."""
        if not config.constraints and config.cost is None:
            return cls()
        rows = ((run, encoding.encode(run.parameters)) for run in runs)
        encoded = [(run, row) for run, row in rows if row is not None]
        constraints = _constraints(encoding, config, encoded, seed) if config.constraints else None
        return cls(constraints, _cost(encoding, encoded, seed) if config.cost is not None else None)

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The weights of the acquisition function."""
        return tuple(weight for weight in (self.constraints, self.cost) if weight is not None)

    @property
    def unlogged(self) -> list[str]:
        """The metrics with a constraint that fewer than two runs have logged."""
        models = self.constraints.models if self.constraints else ()
        return [model.constraint.metric for model in models if len(model.rows) < 2]

    def reason(self, x: Tensor) -> Mapping[str, Any]:
        """Return the predictions at a config `x`, shape `d`, as fields of the reason for it."""
        found: dict[str, Any] = {}
        if self.constraints is not None:
            found["constraints"] = self.constraints.predictions(x)
            found["constraints_probability"] = self.constraints.probability(x.unsqueeze(0)).item()
        if self.cost is not None:
            found["predicted_duration"] = self.cost.predicted(x)
        return found


NO_OUTCOMES = Outcomes()
"""The outcomes of a sweep without constraints and without a cost."""


def _constraints(
    encoding: Encoding, config: SweepConfig, runs: Sequence[tuple[Run, Row]], seed: int
) -> Constraints:
    """Return the models of values of ended runs. A config counts as met if at least half of its runs do."""
    ended = [
        (row, values_of_run(run, config.constraints, config.metrics))
        for run, row in runs
        if not run.state.is_alive
    ]
    met: defaultdict[Row, list[bool]] = defaultdict(list)
    for row, values in ended:
        met[row].append(are_met(config.constraints, values))
    models = []
    for constraint in config.constraints:
        known = [(row, v) for row, values in ended if (v := values[constraint.metric]) is not None]
        rows, values_of = [row for row, _ in known], [value for _, value in known]
        models.append(ConstraintModel(constraint, encoding, rows, values_of, seed))
    return Constraints(
        tuple(models), frozenset(row for row, each in met.items() if 2 * sum(each) >= len(each))
    )


def _cost(encoding: Encoding, runs: Sequence[tuple[Run, Row]], seed: int) -> CostModel | None:
    """Return the model of the durations of complete runs; None if they are too few."""
    whole = [
        (row, run.duration)
        for run, row in runs
        if run.state is RunState.FINISHED
        and not (run.stopped_early or run.failure)
        and run.duration is not None
    ]
    if len(whole) < MIN_RUNS:
        return None
    return CostModel(encoding, [row for row, _ in whole], [seconds for _, seconds in whole], seed)
