"""Noisy expected improvement: literal numbers, the naive formula, 100 decades, and a Monte Carlo estimate."""

import math

import pytest
import torch

from litsweep.search.bayes.acquisition import LogNoisyExpectedImprovement, log_h
from litsweep.search.bayes.surrogate import OBJECTIVE, GaussianProcess, Hyperparameters, Inputs

INPUTS = Inputs(torch.tensor([False]), ())


def process(noise: float = 1e-6) -> GaussianProcess:
    x = torch.tensor([[0.1], [0.4], [0.9]], dtype=torch.double)
    z = torch.tensor([-1.0, 0.7, 0.3], dtype=torch.double)
    theta = Hyperparameters.unpack(torch.tensor(Hyperparameters.prior_mode(INPUTS, OBJECTIVE)), INPUTS)
    return GaussianProcess(x, z, torch.tensor([noise], dtype=torch.double), theta, INPUTS, OBJECTIVE.kernel)


def normals(draws: int, points: int) -> torch.Tensor:
    return torch.randn(draws, points, generator=torch.Generator().manual_seed(0), dtype=torch.double)


@pytest.mark.parametrize(
    ("z", "expected"),
    # φ(0); then by 60-digit arithmetic
    [
        (0.0, math.log(1 / math.sqrt(2 * math.pi))),
        (-5.0, -16.7443011626609901),
        (-40.0, -808.2985683566199602),
    ],
)
def test_log_h_at_known_points(z: float, expected: float) -> None:
    assert log_h(torch.tensor(z, dtype=torch.double)).item() == pytest.approx(expected, rel=1e-12)


def test_log_h_is_the_naive_formula_where_that_works() -> None:
    z = torch.linspace(-4, 10, 300, dtype=torch.double)
    naive = (torch.exp(-z * z / 2) / math.sqrt(2 * math.pi) + z * torch.special.ndtr(z)).log()
    assert torch.allclose(log_h(z), naive, rtol=1e-10, atol=1e-10)


def test_log_h_and_its_gradient_are_finite_and_rising_over_a_hundred_decades() -> None:
    z = (-torch.logspace(50, -50, 2001, dtype=torch.double)).requires_grad_()
    value = log_h(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    assert value.isfinite().all()
    assert (value.diff() >= 0).all()
    assert slope.isfinite().all()
    assert (slope > 0).all()


def test_without_noise_it_is_the_log_of_expected_improvement() -> None:
    gp, at = process(), torch.tensor([[0.55]], dtype=torch.double)
    gain = LogNoisyExpectedImprovement(gp, gp.x, torch.zeros(0, 1).double(), normals(16, 3))
    mean, variance = gp.marginals(at)
    deviation = variance.sqrt()
    expected = log_h((mean.squeeze() - 0.7) / deviation) + deviation.log()
    assert gain(at).item() == pytest.approx(expected.item(), rel=1e-2)


def test_a_margin_raises_what_is_to_be_beaten() -> None:
    gp, at = process(), torch.tensor([[0.55]], dtype=torch.double)
    gain = LogNoisyExpectedImprovement(gp, gp.x, torch.zeros(0, 1).double(), normals(16, 3), margin=0.5)
    mean, variance = gp.marginals(at)
    deviation = variance.sqrt()
    expected = log_h((mean.squeeze() - 1.2) / deviation) + deviation.log()
    assert gain(at).item() == pytest.approx(expected.item(), rel=1e-2)


def test_with_noise_it_is_the_mean_improvement_over_joint_draws() -> None:
    gp, at = process(noise=0.3), torch.tensor([[0.55]], dtype=torch.double)
    gain = LogNoisyExpectedImprovement(gp, gp.x, torch.zeros(0, 1).double(), normals(20_000, 3))
    mean, covariance = gp.joint(torch.cat([gp.x, at]))
    root = torch.linalg.cholesky(covariance + 1e-9 * torch.eye(4, dtype=torch.double))
    draws = mean + normals(200_000, 4) @ root.T
    improvement = (draws[:, 3] - draws[:, :3].max(-1).values).clamp(min=0).mean()
    assert gain(at).exp().item() == pytest.approx(improvement.item(), rel=0.05)


def test_a_pending_config_takes_the_gain_out_of_its_neighbourhood() -> None:
    gp, at = process(), torch.tensor([[0.55]], dtype=torch.double)
    alone = LogNoisyExpectedImprovement(gp, gp.x, torch.zeros(0, 1).double(), normals(32, 3))
    beside = LogNoisyExpectedImprovement(gp, gp.x, at + 0.01, normals(32, 4))
    assert beside(at).item() < alone(at).item() - 2
