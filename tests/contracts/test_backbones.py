"""The contract of every backbone: images in, logits out, all weights trained."""

import pytest
import torch
from torch import nn

from litsweep.pipeline import backbones

SHAPE, CLASSES = (3, 32, 32), 7
NAMES = ["tutorial", "resnet", "resnet18", "shufflenet_v2_x0_5", "mobilenet_v3_small"]


@pytest.fixture(params=NAMES)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return backbones.build(request.param, SHAPE, CLASSES, width=8, dropout=0.5)


def test_images_become_logits(network: nn.Module) -> None:
    assert network(torch.randn(4, *SHAPE)).shape == (4, CLASSES)


def test_every_parameter_is_trained(network: nn.Module) -> None:
    network(torch.randn(8, *SHAPE)).logsumexp(1).sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_features_are_dropped_in_training_only(network: nn.Module) -> None:
    images = torch.randn(4, *SHAPE)
    assert not torch.equal(network(images), network(images))
    network.eval()
    torch.testing.assert_close(network(images), network(images))


def test_building_draws_only_weights(network: nn.Module) -> None:
    """Batch statistics are unused: trying blank images does not change them."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        assert norm.running_mean is not None
        assert not norm.running_mean.any()
