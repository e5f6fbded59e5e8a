"""The model of success."""

from collections.abc import Sequence

import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.feasibility import Feasibility
from litsweep.search.bayes.surrogate import Inputs, fit_labels
from litsweep.sweep.config import parse_sweep

PARAMETERS = {"x": {"min": 0.0, "max": 1.0}, "act": {"values": ["relu", "gelu", "silu"]}}
ENCODING = Encoding(parse_sweep({"method": "random", "parameters": PARAMETERS}).space)
SPREAD = torch.linspace(0.02, 0.98, 25).tolist()


def rows(xs: Sequence[float], act: str) -> Tensor:
    encoded = [ENCODING.encode({"x": x, "act": act}) for x in xs]
    return torch.tensor([row for row in encoded if row is not None], dtype=torch.double)


def fitted(succeeded: Tensor, failed: Tensor) -> Feasibility:
    x = torch.cat([succeeded, failed])
    labels = torch.cat([torch.ones(len(succeeded)), -torch.ones(len(failed))]).double()
    process = fit_labels(x, labels, Inputs.of(ENCODING), torch.arange(len(x)))
    return Feasibility(process, succeeded)


def with_a_border() -> Feasibility:
    """Return a model of runs that fail above 0.6."""
    good, bad = [x for x in SPREAD if x < 0.6], [x for x in SPREAD if x >= 0.6]
    return fitted(rows(good, "relu"), rows(bad, "relu"))


def test_between_the_last_success_and_the_first_failure_nothing_is_certain() -> None:
    feasibility = with_a_border()
    assert feasibility.probability(rows([0.3], "relu")) > 0.99
    assert feasibility.probability(rows([0.9], "relu")) < 0.01
    last = max(x for x in SPREAD if x < 0.6)
    assert 0.5 < feasibility.probability(rows([last], "relu")) < 0.9


def test_a_config_that_will_probably_fail_has_a_negligible_weight() -> None:
    within, beyond = with_a_border().log_weight(rows([0.3, 0.7], "relu"), position=30)
    assert within > -1 and beyond < -1000


def test_an_untried_category_gets_a_trial_that_grows_rare() -> None:
    """The trials are at positions of exploration: in an old sweep every fourth from the second on."""
    feasibility, x = with_a_border(), rows([0.3], "silu")
    trials = [position for position in range(400) if feasibility.log_weight(x, position) > -100]
    assert trials == [13, 25, 49, 97, 193, 385]
    assert all(position % 4 == 1 for position in trials)


def test_failures_at_random_weigh_nothing() -> None:
    feasibility = fitted(rows(SPREAD, "relu"), rows(SPREAD[::4], "relu"))
    assert feasibility.looks_random
    assert feasibility.log_weight(rows([0.3], "relu"), position=30) == 0
