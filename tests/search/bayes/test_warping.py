"""Warps: identity where they should be, invertible, and stable at any magnitude."""

import pytest
import torch

from litsweep.search.bayes.warping import (
    RobustScaler,
    inverse_yeo_johnson,
    kumaraswamy,
    log_slope,
    yeo_johnson,
)

POINTS = torch.tensor([-30.0, -1.0, -1e-8, 0.0, 1e-8, 0.5, 40.0], dtype=torch.double)


def power(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.double)


def test_yeo_johnson_has_its_published_values() -> None:
    """Equation 2.1 of Yeo and Johnson (2000) at powers 0 and 2: log(1 + y) and -log(1 - y)."""
    assert yeo_johnson(power(1.0), power(0.0)).item() == pytest.approx(0.6931471805599453)
    assert yeo_johnson(power(-1.0), power(2.0)).item() == pytest.approx(-0.6931471805599453)
    assert yeo_johnson(power(3.0), power(0.5)).item() == pytest.approx(2.0)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1e-9, 0.5, 1.0, 2.0])
def test_yeo_johnson_is_undone_by_its_inverse(value: float) -> None:
    back = inverse_yeo_johnson(yeo_johnson(POINTS, power(value)), power(value))
    assert torch.allclose(back, POINTS, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0, 2.0, 3.0])
def test_log_slope_is_that_of_autograd(value: float) -> None:
    s = POINTS[POINTS != 0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(yeo_johnson(s, power(value)).sum(), s)
    assert torch.allclose(slope.log(), log_slope(s, power(value)))


def test_past_the_end_of_the_range_the_inverse_stays_finite() -> None:
    assert inverse_yeo_johnson(power(9.0), power(-0.5)).isfinite().all()


def test_kumaraswamy_is_the_identity_at_one_and_rises_otherwise() -> None:
    u = torch.linspace(0, 1, 11, dtype=torch.double).unsqueeze(-1)
    assert torch.allclose(kumaraswamy(u, power(1.0), power(1.0)), u, atol=1e-6)
    assert (kumaraswamy(u, power(0.4), power(3.0)).diff(dim=0) > 0).all()


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e307])
def test_spread_does_not_depend_on_the_metrics_unit(size: float) -> None:
    y = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.double)
    expected = RobustScaler.of(y).scale(y)
    assert torch.allclose(RobustScaler.of(y * size).scale(y * size), expected)


def test_spread_of_equal_values_is_zero_everywhere() -> None:
    y = torch.full((4,), 7.5, dtype=torch.double)
    assert torch.equal(RobustScaler.of(y).scale(y), torch.zeros(4, dtype=torch.double))


def test_a_diverged_value_leaves_the_others_apart() -> None:
    y = torch.tensor([-1e30, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=torch.double)
    scaled = RobustScaler.of(y).scale(y)
    assert scaled[0] == -5.0
    assert (scaled[1:].diff() > 0.1).all()


def test_losses_over_decades_are_told_apart_by_their_logarithms() -> None:
    y = -(10.0 ** torch.arange(-30.0, 31.0, 3.0, dtype=torch.double))
    spread = RobustScaler.of(y)
    scaled = spread.scale(y)
    assert (scaled.diff() < -0.05).all()
    assert torch.allclose(spread.unscale(scaled), y, rtol=1e-6)


def test_an_ordinary_loss_stays_on_its_linear_scale() -> None:
    assert not RobustScaler.of(-torch.tensor([0.3, 0.5, 0.7, 2.3, 1e30], dtype=torch.double)).is_log


def test_a_third_of_the_runs_diverging_leaves_the_others_apart() -> None:
    y = -torch.tensor([0.01, 0.02, 0.1, 0.2, 1e30, 1e30], dtype=torch.double)
    scaled = RobustScaler.of(y).scale(y)
    assert scaled[0] - scaled[3] > 0.4
    assert torch.equal(scaled[4:], torch.tensor([-5.0, -5.0], dtype=torch.double))
