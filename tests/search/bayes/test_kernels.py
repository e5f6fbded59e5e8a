"""Kernels against GPyTorch, and against the networks whose covariance they are."""

import gpytorch
import pytest
import torch
from torch import Tensor

from litsweep.search.bayes.kernels import Kernel, Matern, NeuralNetwork


def points(n: int, seed: int) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_matern_is_gpytorchs() -> None:
    a, b = points(5, 0), points(4, 1)
    theirs = gpytorch.kernels.MaternKernel(nu=2.5).double()
    theirs.lengthscale = 1.0
    with torch.no_grad():
        assert torch.allclose(Matern().covariance(a, b), theirs(a, b).to_dense(), atol=1e-7)


def test_neural_network_is_the_covariance_of_many_random_networks() -> None:
    """A hidden unit is erf(w · (1, x)) with standard normal weights w."""
    a, b = points(5, 0), points(4, 1)
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(4, 400_000, generator=generator, dtype=torch.double)

    def units(x: Tensor) -> Tensor:
        return torch.erf(torch.cat([torch.ones(len(x), 1).double(), x], -1) @ weights)

    sampled = units(a) @ units(b).T / weights.shape[1]
    assert torch.allclose(NeuralNetwork().covariance(a, b), sampled, atol=0.01)


@pytest.mark.parametrize("kernel", [Matern(), NeuralNetwork()])
def test_variance_is_the_diagonal_of_the_covariance(kernel: Kernel) -> None:
    a = points(6, 3)
    assert torch.allclose(kernel.variance(a), kernel.covariance(a, a).diagonal(), atol=1e-6)


def test_a_neural_network_varies_most_far_from_the_middle() -> None:
    radius = torch.linspace(0, 3, 20, dtype=torch.double).unsqueeze(-1)
    assert (NeuralNetwork().variance(radius).diff() > 0).all()


@pytest.mark.parametrize("kernel", [Matern(), NeuralNetwork()])
def test_slopes_are_those_of_the_covariance(kernel: Kernel) -> None:
    """Also if one set of points is broadcast against several."""
    a, b = torch.stack([points(5, 0), points(5, 2)]).requires_grad_(), points(4, 1).requires_grad_()
    assert torch.autograd.gradcheck(kernel.covariance, (a, b))


def test_the_slope_of_matern_is_finite_where_points_meet() -> None:
    a = points(3, 0).requires_grad_()
    Matern().covariance(a, a.detach()).sum().backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None and a.grad.isfinite().all()
