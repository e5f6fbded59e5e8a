"""Each distribution against its definition, and their common interface."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import (
    Beta,
    Categorical,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
    constant,
)

CONTINUOUS = [
    Uniform(-2.0, 3.0),
    LogUniform(1e-5, 0.1),
    Normal(1.0, 2.0),
    LogNormal(0.5, 0.7),
    Beta(2.0, 3.0),
]
DISCRETE: list[Distribution] = [
    constant("x"),
    Categorical(("a", 1, True, None, [1, 2], {"k": 1})),
    Categorical(("a", "b", "c"), (0.2, 0.0, 0.8)),
    IntUniform(-3, 12),
    Quantized(Uniform(0.0, 10.0), 3),
    Quantized(Uniform(0.5, 1.5), 1.0),
    Quantized(LogUniform(1.0, 500.0), 8),
    Quantized(Normal(0.0, 4.0), 0.5),
    Quantized(LogNormal(0.0, 1.0), 2),
    Quantized(Beta(2.0, 2.0), 0.1),
]
ALL: list[Distribution] = [*CONTINUOUS, *DISCRETE]
units = st.floats(0.0, 1.0)
inner_units = st.floats(0.001, 0.999)


@pytest.mark.parametrize("distribution", ALL, ids=str)
@given(u=units)
def test_every_quantile_is_a_value_and_every_value_a_quantile(distribution: Distribution, u: float) -> None:
    value = distribution.ppf(u)
    assert distribution.contains(value)
    assert 0.0 <= distribution.cdf(value) <= 1.0


@pytest.mark.parametrize("distribution", CONTINUOUS, ids=str)
@given(u=inner_units)
def test_continuous_cdf_inverts_ppf(distribution: Distribution, u: float) -> None:
    assert distribution.cdf(distribution.ppf(u)) == pytest.approx(u, abs=1e-9)


@pytest.mark.parametrize("distribution", DISCRETE, ids=str)
@given(u=inner_units)
def test_discrete_cdf_names_the_cell(distribution: Distribution, u: float) -> None:
    value = distribution.ppf(u)
    assert distribution.ppf(distribution.cdf(value)) == value


@pytest.mark.parametrize("distribution", [d for d in DISCRETE if d.support is not None], ids=str)
def test_support_lists_each_value_with_its_probability(distribution: Distribution) -> None:
    support, probabilities = distribution.support, distribution.probabilities
    assert support is not None and probabilities is not None
    assert len(support) == len(probabilities) == distribution.size
    assert sum(probabilities) == pytest.approx(1.0)
    grid = [repr(distribution.ppf((i + 0.5) / 20_000)) for i in range(20_000)]
    counted = Counter(grid)
    assert set(counted) == {repr(value) for value in support}
    for value, probability in zip(support, probabilities, strict=True):
        assert counted[repr(value)] / 20_000 == pytest.approx(probability, abs=2e-4)


def test_int_uniform_includes_both_ends() -> None:
    assert [IntUniform(1, 3).ppf(u) for u in (0.0, 0.33, 0.34, 0.67, 1.0)] == [1, 1, 2, 3, 3]


def test_log_uniform_is_uniform_in_the_exponent() -> None:
    assert LogUniform(1e-4, 1e-2).ppf(0.5) == pytest.approx(1e-3)


def test_quantized_values_are_integers_where_q_is() -> None:
    whole, halves = Quantized(Uniform(0, 10), 2).ppf(0.61), Quantized(Uniform(0, 10), 0.5).ppf(0.61)
    assert (whole, type(whole)) == (6, int)
    assert (halves, type(halves)) == (6.0, float)


def test_quantized_rounds_to_even_at_the_half_and_may_leave_the_bounds() -> None:
    assert Quantized(Uniform(0, 11), 4).support == (0, 4, 8, 12)
    assert Quantized(Uniform(0, 10), 4).support == (0, 4, 8)


def test_unbounded_distributions_stay_finite_at_the_ends() -> None:
    for distribution in (Normal(0, 1), LogNormal(0, 300), Quantized(LogNormal(0, 300), 0.001)):
        assert all(math.isfinite(float(str(distribution.ppf(u)))) for u in (0.0, 1.0))


def test_true_is_not_one_but_three_is_three_point_zero() -> None:
    categories = Categorical((True, False, 0, 1, ""))
    assert categories.size == 5
    assert [categories.ppf(categories.cdf(value)) for value in (True, False, 0, 1, "")] == [
        True,
        False,
        0,
        1,
        "",
    ]
    assert Categorical((3, 4)).contains(3.0)
    assert not Categorical((1, 2)).contains(True)


def test_a_value_listed_twice_is_one_category_of_twice_the_weight() -> None:
    categories = Categorical((1, 2, 1))
    assert categories.support == (1, 2)
    assert categories.probabilities == pytest.approx((2 / 3, 1 / 3))


@pytest.mark.parametrize(
    ("values", "ordinal"),
    [
        ((16, 32, 64), True),
        ((3, 2.5, 1), True),
        ((1, 3, 2), False),
        ((True, False), False),
        (("a", 1), False),
    ],
)
def test_numbers_in_order_are_a_scale(values: tuple[object, ...], ordinal: bool) -> None:
    assert Categorical(values).is_ordinal is ordinal


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_a_value_with_no_place_is_refused(distribution: Distribution) -> None:
    assert not distribution.contains("nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        distribution.cdf("nowhere")


def test_numbers_beyond_the_bounds_are_clipped_by_cdf() -> None:
    assert Uniform(0, 1).cdf(7) == 1.0
    assert LogUniform(1, 10).cdf(-3) == 0.0
    assert not Uniform(0, 1).contains(7)


@given(st.floats(-1.7e308, 1.7e308), st.floats(-1.7e308, 1.7e308), units)
def test_uniform_bounds_of_any_size(a: float, b: float, u: float) -> None:
    low, high = sorted((a, b))
    if low < high and high / 2 > low / 2:
        assert low <= Uniform(low, high).ppf(u) <= high


def test_sample_follows_the_generator() -> None:
    draws = [Normal(0, 1).sample(np.random.default_rng(3)) for _ in range(2)]
    assert draws[0] == draws[1]
