"""Random search: distribution, reproducibility, no repeats."""

from collections import Counter
from typing import Any

import pytest
from scipy import stats

from litsweep.search.random import RandomSearch, shuffled
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.run import Run, Suggestion


def suggest(config: SweepConfig, runs: list[Run], n: int, seed: int) -> list[Suggestion]:
    tried = {config.space.key(run.parameters) for run in runs}
    return RandomSearch(config, seed).suggest(runs, tried, n)


def config_of(**parameters: Any) -> SweepConfig:
    return parse_sweep({"method": "random", "parameters": parameters})


def test_draws_follow_the_distribution() -> None:
    config = config_of(
        x={"distribution": "log_uniform_values", "min": 1e-4, "max": 1},
        k={"values": ["a", "b"], "probabilities": [0.8, 0.2]},
    )
    draws = [proposal.parameters for proposal in suggest(config, [], 2000, 0)]
    space = config.space.by_name["x"].distribution
    assert stats.kstest([space.cdf(draw["x"]) for draw in draws], "uniform").pvalue > 0.001
    assert stats.binomtest(sum(draw["k"] == "a" for draw in draws), 2000, 0.8).pvalue > 0.001


def test_the_list_of_configs_depends_on_the_seed_and_not_on_the_batches() -> None:
    config = config_of(x={"min": 0.0, "max": 1.0}, n={"min": 1, "max": 1_000_000})
    whole = [proposal.parameters for proposal in suggest(config, [], 6, 3)]
    runs: list[Run] = []
    for n in (1, 3, 2):
        batch = suggest(config, runs, n, 3)
        runs += [Run(f"r{len(runs) + i}", proposal.parameters) for i, proposal in enumerate(batch)]
    assert [run.parameters for run in runs] == whole
    assert suggest(config, [], 1, 4)[0].parameters != whole[0]


@pytest.mark.parametrize("n", [3, 200])
def test_a_finite_space_is_drawn_without_replacement(n: int) -> None:
    """One space is small enough to shuffle. In the other, with 40,000 configs, repeats are drawn again."""
    config = config_of(a={"min": 1, "max": n}, b={"min": 1, "max": n})
    proposals = suggest(config, [], 400, 0)
    keys = {config.space.key(proposal.parameters) for proposal in proposals}
    assert len(keys) == len(proposals) == min(400, n * n)


def test_the_first_of_a_shuffled_space_comes_with_its_probability() -> None:
    config = config_of(k={"values": ["a", "b", "c"], "probabilities": [0.6, 0.3, 0.1]})
    orders = Counter(
        "".join(str(proposal.parameters["k"]) for proposal in suggest(config, [], 3, seed))
        for seed in range(3000)
    )
    expected = {
        "abc": 0.6 * 3 / 4,
        "acb": 0.6 / 4,
        "bac": 0.3 * 6 / 7,
        "bca": 0.3 / 7,
        "cab": 0.1 * 2 / 3,
        "cba": 0.1 / 3,
    }
    observed = [orders[order] for order in expected]
    assert stats.chisquare(observed, [3000 * p for p in expected.values()]).pvalue > 0.001


def test_a_very_uneven_space_is_still_gone_through() -> None:
    values = list(range(200))
    weights = [0.99999, *([0.00001 / 199] * 199)]
    config = config_of(
        a={"values": values, "probabilities": weights}, b={"values": values, "probabilities": weights}
    )
    proposals = suggest(config, [], 60, 0)
    assert len({config.space.key(proposal.parameters) for proposal in proposals}) == 60


def test_a_quantized_tail_without_probability_comes_last() -> None:
    """As a float, the cdf of this beta distribution is 1 well below the upper bound."""
    distribution = {"distribution": "q_beta", "a": 2, "b": 10, "q": 0.01}
    config = parse_sweep({"method": "random", "parameters": {"dropout": distribution}})
    drawn: list[Any] = [row["dropout"] for row in shuffled(config.space, seed=0)]
    assert len(set(drawn)) == len(drawn) == 100
    assert max(drawn[:50]) < 0.9


def test_an_infinite_space_of_few_probable_configs_is_never_exhausted() -> None:
    config = config_of(batch={"distribution": "q_normal", "mu": 128, "sigma": 16, "q": 16})
    batches = [proposal.parameters["batch"] for proposal in suggest(config, [], 50, 0)]
    assert len(batches) == 50
    assert {112, 128, 144} < {*batches} < {16 * i for i in range(3, 14)}
