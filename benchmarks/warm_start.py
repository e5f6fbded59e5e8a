"""A warm-started sweep: its first runs try the best configs of other datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from problems import Parameters, Problem, sample

DATASETS = 5
_EARLIER_RUNS = 100


def warm(problem: Problem, others: Sequence[Problem]) -> Problem:
    """Return `problem` with first runs: the best config of one earlier random sweep on each of `others`.

    With each engine they count as the first evaluations of `problem`. Each seed has its own earlier sweeps of
    100 runs.
    """

    def first(seed: int) -> list[Parameters]:
        return [_winner(other, np.random.default_rng([seed, i])) for i, other in enumerate(others)]

    return replace(problem, name=f"{problem.name}-warm", first=first)


def _winner(problem: Problem, rng: np.random.Generator) -> Parameters:
    """Return the best of some random configs."""
    tried = [sample(problem.sweep["parameters"], rng) for _ in range(_EARLIER_RUNS)]
    return max(tried, key=lambda parameters: problem.sign * problem.truth(parameters))
