"""The search space: identity, conditions and size."""

import math
from itertools import product

import numpy as np
import pytest

from litsweep.sweep.distributions import Categorical, IntUniform, Uniform, constant
from litsweep.sweep.space import Condition, Parameter, SearchSpace

OPTIMIZER = Parameter("optimizer", Categorical(("adam", "sgd", "lbfgs")))
MOMENTUM = Parameter("momentum", Categorical((0.0, 0.9)), Condition("optimizer", ("sgd",)))
NESTEROV = Parameter("a_nesterov", Categorical((True, False)), Condition("momentum", (0.9,)))
CONDITIONAL = SearchSpace((NESTEROV, MOMENTUM, OPTIMIZER))


def test_key_takes_whole_floats_as_integers_but_not_booleans() -> None:
    space = SearchSpace((Parameter("a", Categorical((1, 2, True))), Parameter("b", Uniform(0, 1))))
    assert space.key({"a": 1, "b": 0.5}) == space.key({"b": 0.5, "a": 1.0, "other": 7})
    assert space.key({"a": 1, "b": 0.5}) != space.key({"a": True, "b": 0.5})
    assert len({space.key({"a": a, "b": 0.5}) for a in (1, 1.0, 2, True)}) == 3


def test_a_missing_value_is_not_a_none() -> None:
    space = SearchSpace((Parameter("a", Categorical((None, 1))),))
    assert space.key({}) != space.key({"a": None})


def test_key_of_lists_and_mappings() -> None:
    space = SearchSpace((Parameter("a", Categorical(([1, 2], {"x": 1, "y": [3]}))),))
    assert space.key({"a": [1.0, 2]}) == space.key({"a": [1, 2]})
    assert space.key({"a": {"y": [3.0], "x": 1}}) == space.key({"a": {"x": 1, "y": [3]}})
    assert space.key({"a": [1, 2]}) != space.key({"a": [2, 1]})


def test_conditional_parameters_exist_only_with_their_parents_value() -> None:
    def names(**parameters: object) -> list[str]:
        return [parameter.name for parameter in CONDITIONAL.active(parameters)]

    assert names(optimizer="adam", momentum=0.9, a_nesterov=True) == ["optimizer"]
    assert names(optimizer="sgd", momentum=0.0, a_nesterov=True) == ["momentum", "optimizer"]
    assert names(optimizer="sgd", momentum=0.9) == ["a_nesterov", "momentum", "optimizer"]


def test_what_is_not_active_plays_no_part_in_identity() -> None:
    assert CONDITIONAL.key({"optimizer": "adam", "momentum": 0.9}) == CONDITIONAL.key({"optimizer": "adam"})


def test_size_counts_distinct_configs() -> None:
    every = product((True, False), (0.0, 0.9), ("adam", "sgd", "lbfgs"))
    configs = [{"a_nesterov": a, "momentum": m, "optimizer": o} for a, m, o in every]
    assert CONDITIONAL.size == len({CONDITIONAL.key(config) for config in configs}) == 5
    assert SearchSpace((Parameter("a", IntUniform(1, 4)), Parameter("b", constant(1)))).size == 4
    assert SearchSpace((Parameter("a", IntUniform(1, 4)), Parameter("b", Uniform(0, 1)))).size == math.inf


def test_samples_lie_in_the_space_and_repeat_with_the_seed() -> None:
    draws = [CONDITIONAL.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert all(CONDITIONAL.contains(draw) for draw in draws)
    assert {CONDITIONAL.key(draw) for draw in draws} == {
        CONDITIONAL.key({"optimizer": o, "momentum": m, "a_nesterov": n})
        for o, m, n in product(("adam", "sgd", "lbfgs"), (0.0, 0.9), (True, False))
    }
    assert draws[0] == CONDITIONAL.sample(np.random.default_rng(0))


@pytest.mark.parametrize(
    "parameters",
    [{}, {"optimizer": "rmsprop"}, {"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.5}],
)
def test_contains_wants_every_active_parameter_with_a_possible_value(parameters: dict[str, object]) -> None:
    assert not CONDITIONAL.contains(parameters)
