"""The Bayesian searcher as the controller sees it."""

import math
from types import SimpleNamespace
from typing import Any

import torch

from litsweep.search.bayes import suggest
from litsweep.sweep.continuous import LogUniform, Uniform
from litsweep.sweep.distributions import Categorical, IntUniform
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.run import Run, RunState
from litsweep.sweep.space import Parameter, SearchSpace


def config(**distributions: Any) -> Any:
    parameters = tuple(Parameter(name, distribution) for name, distribution in distributions.items())
    metric = Metric("loss", Goal.MINIMIZE)
    return SimpleNamespace(
        space=SearchSpace(parameters), metric=metric, metrics=(metric,), raw={}, early_terminate=None
    )


def finished(parameters: Any, loss: float, index: int) -> Run:
    return Run(f"run{index}", parameters, RunState.FINISHED, [{"loss": loss}])


MIXED = config(
    lr=LogUniform(1e-5, 1.0), layers=IntUniform(1, 4), act=Categorical(("relu", "gelu")), p=Uniform(0, 1)
)


def bowl(p: Any) -> float:
    return (
        (math.log10(p["lr"]) + 3) ** 2 + (p["layers"] - 3) ** 2 + (p["act"] == "relu") + (p["p"] - 0.4) ** 2
    )


def test_finds_the_bottom_of_a_mixed_bowl() -> None:
    runs: list[Run] = []
    for index in range(25):
        (proposal,) = suggest(MIXED, runs, 1, seed=0)
        runs.append(finished(proposal.parameters, bowl(proposal.parameters), index))
    assert min(bowl(run.parameters) for run in runs) < 0.05


def test_same_arguments_give_the_same_answer_and_leave_torch_alone() -> None:
    runs = [finished(p.parameters, bowl(p.parameters), i) for i, p in enumerate(suggest(MIXED, [], 8, 0))]
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    assert suggest(MIXED, runs, 2, 1) == suggest(MIXED, runs, 2, 1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_each_config_of_a_finite_space_once_and_then_no_more() -> None:
    space = config(a=IntUniform(1, 4), b=Categorical(("x", "y", "z")))
    runs: list[Run] = []
    for index in range(12):
        (proposal,) = suggest(space, runs, 1, 0)
        runs.append(finished(proposal.parameters, float(index % 5), index))
    assert len({tuple(run.parameters.items()) for run in runs}) == 12
    assert suggest(space, runs, 3, 0) == []


def test_a_space_of_constants_has_one_config() -> None:
    space = config(a=Categorical((3,)))
    (proposal,) = suggest(space, [], 5, 0)
    assert proposal.parameters == {"a": 3}
    assert suggest(space, [finished({"a": 3}, 1.0, 0)], 1, 0) == []
