"""Conversion between Optuna's distributions and litsweep's."""

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from litsweep.optuna.distributions import Stepped, from_optuna, to_optuna
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.distributions import Categorical

OPTUNAS = [
    FloatDistribution(-1.5, 2.5),
    FloatDistribution(1e-5, 1e-1, log=True),
    FloatDistribution(0.0, 0.3, step=0.1),
    FloatDistribution(0.05, 0.95, step=0.15),
    FloatDistribution(2.0, 2.0),
    IntDistribution(-3, 12),
    IntDistribution(3, 18, step=5),
    IntDistribution(1, 1024, log=True),
    IntDistribution(0, 10**7),
    CategoricalDistribution([True, None, "a", 2.5]),
]


@pytest.mark.parametrize("theirs", OPTUNAS, ids=str)
def test_every_sample_is_one_of_optunas(theirs: BaseDistribution) -> None:
    ours = from_optuna(theirs)
    rng = np.random.default_rng(0)
    for value in [ours.sample(rng) for _ in range(200)] + [ours.ppf(0.0), ours.ppf(1.0)]:
        internal = theirs.to_internal_repr(value)
        assert theirs._contains(internal)
        assert theirs.to_external_repr(internal) == value
        assert type(theirs.to_external_repr(internal)) is type(value)
        assert ours.contains(value)


def test_both_ends_are_reached() -> None:
    assert from_optuna(IntDistribution(3, 18, step=5)).support == (3, 8, 13, 18)
    assert from_optuna(FloatDistribution(0.0, 0.3, step=0.1)).support == (0.0, 0.1, 0.2, 0.3)
    assert from_optuna(IntDistribution(1, 4, log=True)).support == (1, 2, 3, 4)


def test_a_step_is_known_by_its_place_not_by_its_last_digit() -> None:
    stepped = Stepped(0.0, 1.0, 0.1)
    assert stepped.contains(0.3)
    assert stepped.ppf(stepped.cdf(0.3)) == stepped.ppf(stepped.cdf(0.1 * 3)) == 0.1 * 3
    assert not stepped.contains(0.35)
    assert not stepped.contains(1.1)


def test_probabilities_of_a_log_scale_fall() -> None:
    probabilities = from_optuna(IntDistribution(1, 4, log=True)).probabilities
    assert probabilities is not None
    assert probabilities == tuple(sorted(probabilities, reverse=True))


@pytest.mark.parametrize(
    "entry",
    [
        {"min": 0.0, "max": 1.0},
        {"min": 1, "max": 9},
        {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
        {"distribution": "normal", "mu": 3, "sigma": 2},
        {"distribution": "q_normal", "mu": 3, "sigma": 2, "q": 1},
        {"distribution": "log_normal", "mu": 0, "sigma": 1},
        {"distribution": "beta", "a": 2, "b": 2},
        {"distribution": "q_uniform", "min": 10, "max": 100, "q": 7},
        {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.3},
        {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16},
        {"values": [16, 32, 64]},
        {"values": ["a", None, True]},
        {"value": 3},
    ],
    ids=str,
)
def test_a_sweeps_values_fit_into_optuna_with_their_types(entry: dict[str, object]) -> None:
    (parameter,) = parse_sweep({"method": "random", "parameters": {"p": entry}}).space.parameters
    ours = parameter.distribution
    theirs = to_optuna(ours)
    rng = np.random.default_rng(0)
    for value in [ours.sample(rng) for _ in range(100)]:
        internal = theirs.to_internal_repr(value)
        assert theirs._contains(internal)
        assert repr(theirs.to_external_repr(internal)) == repr(value)


def test_choices_equal_in_python_are_one() -> None:
    assert from_optuna(CategoricalDistribution([False, 0, None, 1, True])) == Categorical((False, None, 1))
