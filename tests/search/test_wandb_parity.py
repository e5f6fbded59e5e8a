"""W&B's own engine gives the same answers to the cases that `wandb_parity.py --freeze` saved."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from litsweep.errors import ConfigError
from litsweep.search.grid import GridSearch
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.hyperband import Hyperband, brackets, thresholds
from litsweep.sweep.run import Run

Case = dict[str, Any]
CASES: list[Case] = json.loads(Path(__file__).with_name("wandb_cases.json").read_text())


def cases(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for case in CASES if case["ask"] == part])


def parse(config: Case, wandb: object) -> SweepConfig | None:
    """Return the parsed config; None if both refuse it."""
    if wandb is not None:
        return parse_sweep(config)
    with pytest.raises(ConfigError):
        parse_sweep(config)
    return None


def runs_of(config: SweepConfig, case: Case) -> list[Run]:
    return [
        Run(run["name"], config.flatten(run["config"]), RunState(run["state"]), run["history"])
        for run in case["runs"]
    ]


@cases("grid")
def test_grid_points_and_their_order(case: Case) -> None:
    config = parse(case["config"], case["wandb"])
    if config is not None:
        runs = runs_of(config, case)
        tried = {config.space.key(run.parameters) for run in runs}
        points = GridSearch(config, 0).suggest(runs, tried, case["n"])
        assert [config.nest(point.parameters) for point in points] == case["wandb"]


@cases("stop")
def test_hyperband_brackets_thresholds_and_stops(case: Case) -> None:
    config = parse(case["config"], case["wandb"])
    if config is None:
        return
    rule, metric = config.early_terminate, config.metric
    assert isinstance(rule, Hyperband)
    assert metric is not None
    curves = [LearningCurve.of(run, metric) for run in runs_of(config, case)]
    assert brackets(rule)[:9] == case["wandb"]["bands"]
    assert [limit for limit, _ in thresholds(rule, curves).values()] == case["wandb"]["thresholds"]
    assert [decision.id for decision in rule.decide(curves)] == case["wandb"]["stopped"]


@cases("distribution")
def test_values_at_the_same_quantiles(case: Case) -> None:
    config = parse({"method": "random", "parameters": {"p": case["entry"]}}, case["wandb"])
    if config is None:
        return
    distribution = config.space.by_name["p"].distribution
    for u, theirs in zip(case["quantiles"], case["wandb"], strict=True):
        ours = distribution.ppf(u)
        if isinstance(ours, float):
            assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
        assert (type(ours), ours) == (type(theirs), theirs if not isinstance(ours, float) else ours)


@cases("schema")
def test_the_same_configs_are_refused(case: Case) -> None:
    parse(case["config"], None if case["wandb"] else case)
