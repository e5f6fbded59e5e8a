"""The Gaussian process against textbook formulas."""

import pytest
import torch

from litsweep.search.bayes.kernels import Kernel, Matern, NeuralNetwork
from litsweep.search.bayes.surrogate import (
    OBJECTIVE,
    TREND,
    GaussianProcess,
    Hyperparameters,
    Inputs,
    ModelSpec,
    fit,
    log_posterior,
)

NUMBERS = Inputs(torch.tensor([False, False]), ())
MIXED = Inputs(torch.tensor([False, True]), (3,))


def hyperparameters(inputs: Inputs, seed: int = 0) -> Hyperparameters:
    generator = torch.Generator().manual_seed(seed)
    start = torch.tensor(Hyperparameters.prior_mode(inputs, OBJECTIVE))
    return Hyperparameters.unpack(
        start + 0.2 * torch.randn(start.shape, generator=generator, dtype=torch.double), inputs
    )


def uniform(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_different_categories_are_at_distance_one_over_the_length_scale() -> None:
    theta = hyperparameters(MIXED)
    x = torch.tensor([[0.3, 0.0], [0.3, 1.0], [0.3, 2.0]], dtype=torch.double)
    distances = torch.cdist(theta.features(x, MIXED), theta.features(x, MIXED))
    expected = (-theta.log_length[1]).exp()
    assert distances[~torch.eye(3, dtype=torch.bool)].allclose(expected)


@pytest.mark.parametrize("kernel", [Matern(), NeuralNetwork()])
def test_posterior_is_the_textbooks(kernel: Kernel) -> None:
    """The reference is Rasmussen and Williams (2006), equations 2.23 and 2.24, with explicit inverses."""
    theta, x, z, at = (
        hyperparameters(NUMBERS),
        uniform(6, 2),
        uniform(6, 1).squeeze(-1),
        uniform(3, 2, seed=2),
    )
    noise = torch.tensor([0.01], dtype=torch.double)
    process = GaussianProcess(x, z, noise, theta, NUMBERS, kernel)
    f, g = theta.features(x, NUMBERS), theta.features(at, NUMBERS)
    inverse = torch.linalg.inv(kernel.covariance(f, f) + 0.01 * torch.eye(6, dtype=torch.double))
    expected = theta.mean + kernel.covariance(g, f) @ inverse @ (z - theta.mean)
    covariance = kernel.covariance(g, g) - kernel.covariance(g, f) @ inverse @ kernel.covariance(f, g)
    mean, joint = process.joint(at)
    means, variances = process.marginals(at)
    assert torch.allclose(mean, expected)
    assert torch.allclose(joint, covariance, atol=1e-9)
    assert torch.allclose(means.squeeze(-1), expected)
    assert torch.allclose(variances, covariance.diagonal(), atol=1e-9)


def test_evidence_of_an_output_warp_is_counted_in_the_objectives_units() -> None:
    """Without warps, the posterior of a shifted and scaled objective differs only by the Jacobian."""
    theta, x = hyperparameters(NUMBERS), uniform(8, 2)
    identity = Hyperparameters(
        theta.log_length, theta.log_a, theta.log_b, theta.log_noise, theta.mean, torch.ones(1).double()
    )
    s = uniform(8, 1, seed=3).squeeze(-1)
    plain = log_posterior(x, s, identity, NUMBERS, OBJECTIVE)
    stretched = log_posterior(x, 10 * s + 3, identity, NUMBERS, OBJECTIVE)
    assert stretched.item() == pytest.approx(plain.item() - 8 * torch.tensor(10.0).log().item(), rel=1e-6)


@pytest.mark.parametrize("spec", [OBJECTIVE, TREND])
@pytest.mark.parametrize("inputs", [NUMBERS, MIXED])
def test_slope_of_the_log_posterior(spec: ModelSpec, inputs: Inputs) -> None:
    x, s = uniform(7, 2), uniform(7, 1, seed=3).squeeze(-1)
    x[:, inputs.is_category] = (3 * x[:, inputs.is_category]).floor()
    start = torch.tensor(Hyperparameters.prior_mode(inputs, spec)).add(0.1).requires_grad_()

    def value(vector: torch.Tensor) -> torch.Tensor:
        return log_posterior(x, s, Hyperparameters.unpack(vector, inputs), inputs, spec)

    assert torch.autograd.gradcheck(value, (start,))


def test_a_fit_predicts_what_it_has_not_seen_in_the_metrics_units() -> None:
    x = uniform(40, 2)
    y = 1e6 * (-((x[:, 0] - 0.4) ** 2) - 0.1 * x[:, 1])
    at = uniform(20, 2, seed=5)
    truth = 1e6 * (-((at[:, 0] - 0.4) ** 2) - 0.1 * at[:, 1])
    surrogate = fit(x, y, NUMBERS, torch.arange(40), OBJECTIVE)
    predicted = surrogate.to_units(surrogate.process.marginals(at)[0].squeeze(-1))
    assert (predicted - truth).abs().max() < 0.05 * (truth.max() - truth.min())


def test_an_input_that_does_nothing_gets_a_longer_length_scale() -> None:
    x = uniform(40, 2)
    surrogate = fit(x, torch.sin(6 * x[:, 0]), NUMBERS, torch.arange(40), OBJECTIVE)
    length = surrogate.process.theta.log_length
    assert length[1] > length[0] + 1
