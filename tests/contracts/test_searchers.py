"""The contract of every searcher: grid, random, bayes."""

import math
import random as global_random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from litsweep.search.searcher import searcher
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.run import Run, Suggestion

Suggest = Callable[[SweepConfig, Sequence[Run], int, int], list[Suggestion]]


def suggest(config: SweepConfig, runs: Sequence[Run], n: int, seed: int) -> list[Suggestion]:
    """Return the suggestions of a new searcher for the config."""
    tried = {config.space.key(run.parameters) for run in runs}
    return searcher(config, seed).suggest(runs, tried, n)


METHODS: dict[str, Suggest] = {"grid": suggest, "random": suggest, "bayes": suggest}
FINITE = {
    "flag": {"values": [True, False]},
    "depth": {"min": 1, "max": 2},
    "act": {"values": ["relu", 0, ""]},
    "fixed": {"value": 7},
}
CONDITIONAL = {
    "optimizer": {"values": ["adam", "sgd"]},
    "momentum": {"values": [0.0, 0.5, 0.9]},
    "nesterov": {"values": [True, False]},
}
CONDITIONS = {"momentum": {"optimizer": "sgd"}, "nesterov": {"momentum": [0.5, 0.9]}}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def config_of(method: str, parameters: Mapping[str, Any], **ours: Any) -> SweepConfig:
    metric = {"name": "loss", "goal": "minimize"}
    config = {"method": method, "metric": metric, "parameters": parameters}
    return parse_sweep({**config, "litsweep": ours} if ours else config)


def follow(method: str, config: SweepConfig, n: int, batch: int = 1, seed: int = 0) -> list[Run]:
    """Return the runs of `n` suggestions. Each batch finishes with some loss before the next request."""
    runs: list[Run] = []
    while len(runs) < n:
        proposals = METHODS[method](config, runs, min(batch, n - len(runs)), seed)
        if not proposals:
            break
        runs += [finished(f"r{len(runs) + i}", p.parameters) for i, p in enumerate(proposals)]
    return runs


def finished(id: str, parameters: Mapping[str, object]) -> Run:
    loss = float(sum(len(repr(value)) for value in parameters.values()))
    return Run(id, parameters, RunState.FINISHED, ({"loss": loss + 1}, {"loss": loss}))


@pytest.mark.parametrize("batch", [1, 5])
def test_a_finite_space_is_tried_once_through_and_then_over(method: str, batch: int) -> None:
    config = config_of(method, FINITE)
    runs = follow(method, config, 50, batch)
    assert len(runs) == len({config.space.key(run.parameters) for run in runs}) == config.space.size == 12
    assert all(config.space.contains(run.parameters) for run in runs)
    assert METHODS[method](config, runs, 3, 0) == []


def test_a_request_for_more_configs_than_are_left_returns_those_left(method: str) -> None:
    config = config_of(method, FINITE)
    assert len(METHODS[method](config, [], 100, 0)) == 12


def test_conditional_parameters_come_only_with_their_condition(method: str) -> None:
    config = config_of(method, CONDITIONAL, conditions=CONDITIONS)
    runs = follow(method, config, 50)
    assert len(runs) == config.space.size == 6
    for run in runs:
        active = {parameter.name for parameter in config.space.active(run.parameters)}
        assert set(run.parameters) == active


@pytest.mark.parametrize("seed", [0, 5])
def test_the_same_runs_and_seed_give_the_same_answer(method: str, seed: int) -> None:
    config = config_of(method, FINITE)
    runs = follow(method, config, 6, seed=seed)
    once, again = (METHODS[method](config, list(runs), 2, seed) for _ in range(2))
    assert once == again


def global_generators() -> list[str]:
    """Return the states of the random generators that a whole process shares."""
    return [repr(global_random.getstate()), repr(np.random.get_state()), repr(torch.get_rng_state())]


def test_no_global_random_state_is_read_or_changed(method: str) -> None:
    config = config_of(method, FINITE)
    answers = []
    for state in (1, 2):
        global_random.seed(state)
        np.random.seed(state)
        torch.manual_seed(state)
        before = global_generators()
        answers.append([run.parameters for run in follow(method, config, 8)])
        assert global_generators() == before
    assert answers[0] == answers[1]


def test_running_and_failed_runs_are_not_suggested_again(method: str) -> None:
    config = config_of(method, FINITE)
    first = METHODS[method](config, [], 6, 0)
    states = (RunState.RUNNING, RunState.PENDING, RunState.FAILED, RunState.CRASHED, RunState.KILLED)
    runs = [Run(f"r{i}", p.parameters, states[i % 5]) for i, p in enumerate(first)]
    rest = METHODS[method](config, runs, 12, 0)
    keys = [config.space.key(p.parameters) for p in first + rest]
    assert len(keys) == len(set(keys)) == 12


@pytest.mark.parametrize(
    "history",
    [
        (),
        ({"other": 1.0},),
        ({"loss": math.nan},),
        ({"loss": math.inf}, {"loss": -math.inf}),
        ({"loss": 1e30}, {"loss": 1e-30}),
        ({"loss": 0.5},) * 40,
    ],
    ids=str,
)
def test_every_kind_of_history_is_accepted(method: str, history: tuple[dict[str, float], ...]) -> None:
    config = config_of(method, FINITE)
    runs = follow(method, config, 3)
    proposals = METHODS[method](config, [], 10, 1)
    odd = [
        Run(f"odd{i}", p.parameters, RunState.FAILED if i % 2 else RunState.FINISHED, history, failure)
        for i, (p, failure) in enumerate(zip(proposals, [*Failure, None, None, None], strict=True))
    ]
    for known in (odd[:1], odd, [*runs, *odd[:4]]):
        (proposal,) = METHODS[method](config, known, 1, 0)
        assert config.space.contains(proposal.parameters)


def test_runs_outside_the_space_are_accepted(method: str) -> None:
    config = config_of(method, FINITE)
    strangers: list[dict[str, object]] = [
        {},
        {"flag": "maybe", "depth": 99, "act": "relu", "fixed": 7},
        {"flag": None, "depth": "2", "act": ["relu"], "fixed": 8, "more": 1},
        {"flag": True, "depth": 1.0, "act": "relu", "fixed": 7},
    ]
    runs = [finished(f"s{i}", parameters) for i, parameters in enumerate(strangers)]
    proposals = METHODS[method](config, runs, 20, 0)
    assert len(proposals) == 11, "only the last stranger is one of the twelve"


def test_every_proposal_says_why(method: str) -> None:
    for proposal in METHODS[method](config_of(method, FINITE), [], 4, 0):
        assert isinstance(proposal.reason.to_json()["method"], str)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_every_distribution_can_be_searched(method: str, goal: str) -> None:
    parameters: dict[str, Any] = {
        "int": {"min": 0, "max": 3},
        "q": {"distribution": "q_uniform", "min": 0, "max": 3, "q": 1},
        "nested": {"parameters": {"c": {"values": [[1, 2], {"a": 1}]}}},
    }
    if method != "grid":
        continuous: dict[str, dict[str, float]] = {
            "uniform": {"min": 0, "max": 1},
            "log_uniform": {"min": -3, "max": 0},
            "log_uniform_values": {"min": 0.001, "max": 1},
            "normal": {},
            "log_normal": {},
            "beta": {"a": 2, "b": 2},
        }
        parameters |= {name: {"distribution": name, **entry} for name, entry in continuous.items()}
        quantized = ((f"q_{name}", entry) for name, entry in continuous.items())
        parameters |= {name: {"distribution": name, "q": 0.25, **entry} for name, entry in quantized}
        parameters["weighted"] = {"values": ["a", "b"], "probabilities": [0.9, 0.1]}
    metric = {"name": "loss", "goal": goal}
    config = parse_sweep({"method": method, "metric": metric, "parameters": parameters})
    runs = follow(method, config, 9, batch=3)
    assert len(runs) == 9
    assert method == "grid" or all(config.space.contains(run.parameters) for run in runs)


def test_a_released_config_is_suggested_as_if_it_had_never_been_tried(method: str) -> None:
    config = config_of(method, FINITE)
    search = searcher(config, 0)
    first = search.suggest([], set(), 3)
    runs = [finished(f"r{i}", proposal.parameters) for i, proposal in enumerate(first)]
    keys = [config.space.key(run.parameters) for run in runs]
    search.suggest(runs, set(keys), 3)
    for key in reversed(keys):
        search.release(key)
    assert [each.parameters for each in search.suggest([], set(), 3)] == [each.parameters for each in first]
