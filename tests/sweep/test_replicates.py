"""`litsweep: replicates`: its seeds, its mistakes, and the ranking by a config's mean."""

from typing import Any

import pytest

from litsweep.errors import ConfigError
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.replicates import Replicates, ranked_by_config

SWEEP: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


@pytest.mark.parametrize(
    ("parameters", "written", "expected"),
    [
        ({}, 3, Replicates("seed", (0, 1, 2))),
        ({"rng.random_seed": {"value": 40}}, 2, Replicates("rng.random_seed", (40, 41))),
        ({}, {"n": 2, "parameter": "rng"}, Replicates("rng", (0, 1))),
        ({"rng": {"value": 7}}, {"n": 2, "parameter": "rng"}, Replicates("rng", (7, 8))),
        ({"net": {"parameters": {"seed": {"value": 1}}}}, 2, Replicates("net.seed", (1, 2))),
    ],
)
def test_the_seeds(parameters: dict[str, Any], written: object, expected: Replicates) -> None:
    known = {**SWEEP["parameters"], **parameters}
    config = parse_sweep({**SWEEP, "parameters": known, "litsweep": {"replicates": written}})
    assert config.replicates == expected
    assert config.space.by_name[expected.parameter].distribution.support == expected.seeds
    values = {"x": 0.5, expected.parameter: expected.seeds[0]}
    assert config.flatten(config.nest(values)) == values


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"litsweep": {"replicates": 1}}, "replicates: must be an integer of at least 2, got 1"),
        ({"litsweep": {"replicates": {}}}, "replicates.n: must be an integer of at least 2"),
        ({"litsweep": {"replicates": {"n": 2, "seeds": 3}}}, "replicates.seeds: is not a key"),
        (
            {"litsweep": {"replicates": {"n": 2, "parameter": "x"}}},
            "chooses the values of x, so the sweep must",
        ),
        ({"parameters": {"seed": {"values": [1, 2]}}}, "write `seed: {value: 0}` under parameters"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3}}, "cannot work with early_terminate"),
        (
            {"metric": None, "metrics": [{"name": "a"}, {"name": "b"}], "method": "bayes"},
            "needs one metric, by whose mean it compares configs",
        ),
    ],
)
def test_mistakes(more: dict[str, Any], said: str) -> None:
    config = {**SWEEP, "litsweep": {"replicates": 2}, **more}
    with pytest.raises(ConfigError) as error:
        parse_sweep({key: value for key, value in config.items() if value is not None})
    assert f"litsweep.{'replicates'}" in str(error.value) and said in str(error.value)


def test_configs_are_ranked_by_their_mean_and_incomplete_ones_last() -> None:
    metric = Metric("acc", Goal.MAXIMIZE)
    values = [0.99, 0.5, 0.8, 0.7, 0.999, 0.6, None]
    keys = ["lucky", "lucky", "steady", "steady", "half", "failed", "steady"]
    broken = [False, False, False, False, False, True, True]
    assert ranked_by_config(values, broken, metric, keys, 2) == [2, 3, 0, 1, 4, 5]
