"""The networks accept their documented image shapes."""

import pytest
import torch
from torch import nn

from litsweep.errors import ConfigError
from litsweep.pipeline import backbones


@pytest.mark.parametrize("name", ["tutorial", "resnet"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 45, 45)])
def test_own_networks_take_any_image(name: str, shape: tuple[int, int, int]) -> None:
    network = backbones.build(name, shape, classes=7, width=4, dropout=0.1)
    assert network.training
    assert network(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_networks_take_grey_and_color(name: str, channels: int) -> None:
    network = backbones.build(name, (channels, 32, 32), classes=5, width=32, dropout=0.3)
    assert network(torch.zeros(2, channels, 32, 32)).shape == (2, 5)
    assert any(isinstance(layer, nn.Dropout) and layer.p == 0.3 for layer in network.modules())


@pytest.mark.slow
def test_every_torchvision_classification_model_can_be_built() -> None:
    from torchvision import models

    for name in models.list_models(module=models):
        if name.startswith("regnet") and not name.endswith("400mf"):
            continue  # the meta device cannot compute their widths, and the larger ones take long elsewhere
        size = 299 if name == "inception_v3" else 224
        with torch.device("cpu" if name.startswith("regnet") else "meta"):
            network = backbones.build(name, (3, size, size), classes=5, width=32, dropout=0.1)
        assert any(isinstance(layer, nn.Dropout) and layer.p == 0.1 for layer in network.modules()), name


def test_an_unknown_network_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"model.backbone: .* got resnet19; did you mean resnet9"):
        backbones.build("resnet19", (3, 32, 32), classes=5, width=32, dropout=0)


def test_a_network_that_needs_larger_images_says_so() -> None:
    with pytest.raises(ConfigError, match=r"alexnet cannot take images of this shape.*data.image_size"):
        backbones.build("alexnet", (3, 32, 32), classes=5, width=32, dropout=0)
