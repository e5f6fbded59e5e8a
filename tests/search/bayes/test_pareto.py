"""With two conflicting metrics, the suggestions spread along the Pareto front."""

from collections.abc import Mapping
from typing import Any

import pytest
from botorch.acquisition.multi_objective import logei

from litsweep.search.bayes.engine import suggest
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import Run

CONFIG = parse_sweep(
    {
        "method": "bayes",
        "metrics": [{"name": "loss", "goal": "minimize"}, {"name": "speed", "goal": "maximize"}],
        "parameters": {"size": {"min": 0.0, "max": 1.0}, "waste": {"min": 0.0, "max": 1.0}},
    }
)


def run(index: int, p: Mapping[str, Any]) -> Run:
    """A larger model is slower and better, and waste makes both metrics worse. The front is waste = 0."""
    rows = [{"loss": (1 - p["size"]) ** 2 + p["waste"], "speed": 1 - p["size"] - p["waste"]}]
    return Run(str(index), p, RunState.FINISHED, rows)


@pytest.mark.slow
def test_suggestions_go_along_the_whole_front() -> None:
    runs: list[Run] = []
    for index in range(12):
        (proposal,) = suggest(CONFIG, runs, 1, seed=0)
        runs.append(run(index, proposal.parameters))
    late: list[Any] = [suggested.parameters for suggested in runs[6:]]
    assert sum(p["waste"] < 0.1 for p in late) >= 4
    sizes = [p["size"] for p in late if p["waste"] < 0.1]
    assert min(sizes) < 0.25
    assert max(sizes) > 0.75


def test_the_reason_predicts_every_metric() -> None:
    design = suggest(CONFIG, [], 6, seed=0)
    runs = [run(index, proposal.parameters) for index, proposal in enumerate(design)]
    first, second = suggest(CONFIG, runs, 2, seed=0)
    reason: Mapping[str, Any] = first.reason.to_json()
    assert set(reason["predicted"]) == {"loss", "speed"}
    assert first.parameters != second.parameters


def test_botorch_compiles_nothing() -> None:
    """BoTorch's switch for this is private. If it moves, the first suggestion takes half a minute longer."""
    assert logei._load_attempted and logei._C is None
