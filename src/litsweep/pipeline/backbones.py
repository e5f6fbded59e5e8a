"""Networks: a tutorial's four convolutions, two small residual nets, and torchvision's classifiers."""

import difflib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from litsweep.errors import ConfigError, Fault

Shape = tuple[int, int, int]  # channels, height, width


def build(name: str, input_shape: Shape, classes: int, width: int, dropout: float) -> nn.Module:
    """Return the network `name`: images (n x c x h x w) in, logits (n x classes) out.

    `width` is the number of channels of the first convolution; torchvision's have their own. `dropout`
    acts on the features before the last layer. Raises ConfigError for an unknown name and for a network that
    cannot take images of this shape.
    """
    if own := BACKBONES.get(name):
        network = own(input_shape, classes, width, dropout)
    else:
        network = _torchvision(name, input_shape, classes, dropout)
    _try_out(network, name, input_shape)
    return network


class TutorialNet(nn.Module):
    """Two blocks of two 3 x 3 convolutions and a pooling, then two linear layers."""

    def __init__(self, input_shape: Shape, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(input_shape[0], width),
            *_convolution(width, width),
            nn.MaxPool2d(2),
            *_convolution(width, 2 * width),
            *_convolution(2 * width, 2 * width),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        with torch.no_grad():
            flattened = self.features(torch.zeros(1, *input_shape)).shape[1]
        hidden = 16 * width
        self.head = nn.Sequential(
            nn.Linear(flattened, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self.features(images))
        return logits


def _convolution(channels_in: int, channels_out: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1), nn.ReLU()


class SmallResNet(nn.Module):
    """Three stages of two residual blocks for small images, after He et al. (2016), section 4.2."""

    def __init__(self, input_shape: Shape, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(_plain(input_shape[0], width, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.stages = nn.Sequential(
            ResidualBlock(width, width, 1),
            ResidualBlock(width, width, 1),
            ResidualBlock(width, 2 * width, 2),
            ResidualBlock(2 * width, 2 * width, 1),
            ResidualBlock(2 * width, 4 * width, 2),
            ResidualBlock(4 * width, 4 * width, 1),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * width, classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self.stages(self.stem(images)))
        return logits


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, which is a 1 x 1 convolution if the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _plain(channels_in, channels_out, stride),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            _plain(channels_out, channels_out, 1),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with the residual added."""
        return torch.relu(self.residual(features) + self.shortcut(features))


class ResNet9(nn.Module):
    """Four convolutions with two residual blocks between them, which trains fast (Page 2018, DAWNBench)."""

    LOGIT_SCALE = 0.125

    def __init__(self, input_shape: Shape, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _normalized(input_shape[0], width),
            _normalized(width, 2 * width),
            nn.MaxPool2d(2),
            Residual(2 * width),
            _normalized(2 * width, 4 * width),
            nn.MaxPool2d(2),
            _normalized(4 * width, 8 * width),
            nn.MaxPool2d(2),
            Residual(8 * width),
        )
        self.head = nn.Sequential(
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(8 * width, classes, bias=False),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self.features(images)) * self.LOGIT_SCALE
        return logits


class Residual(nn.Module):
    """Two normalized convolutions of as many channels, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(_normalized(channels, channels), _normalized(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with the residual added."""
        return features + self.residual(features)  # type: ignore[no-any-return]


def _normalized(channels_in: int, channels_out: int) -> nn.Module:
    return nn.Sequential(_plain(channels_in, channels_out, 1), nn.BatchNorm2d(channels_out), nn.ReLU())


def _plain(channels_in: int, channels_out: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)


BACKBONES: dict[str, Callable[[Shape, int, int, float], nn.Module]] = {
    "tutorial": TutorialNet,
    "resnet": SmallResNet,
    "resnet9": ResNet9,
}
"""The networks of this package. A new one is a class and its name here. See `build` for the arguments."""


def _torchvision(name: str, input_shape: Shape, classes: int, dropout: float) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = difflib.get_close_matches(name, [*BACKBONES, *known], n=3) or list(BACKBONES)
        fix = f"did you mean {' or '.join(near)}?"
        rule = f"must be {', '.join(BACKBONES)} or a torchvision classification model"
        raise ConfigError("the model", [Fault("model.backbone", rule, name, fix)])
    options: dict[str, object] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        options = {"image_size": input_shape[1]}
    network: nn.Module = models.get_model(name, weights=None, num_classes=classes, **options)
    if dropout > 0:
        _drop_before_last_layer(network, dropout)
    return network if input_shape[0] == 3 else nn.Sequential(ToColor(), network)


class ToColor(nn.Module):
    """Turns grey images into three equal channels, which torchvision's models expect."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the images with three channels."""
        return images.expand(-1, 3, -1, -1)


def _drop_before_last_layer(network: nn.Module, dropout: float) -> None:
    layers = [named for named in network.named_modules() if isinstance(named[1], nn.Linear | nn.Conv2d)]
    name, last = layers[-1]
    parent = network.get_submodule(name.rpartition(".")[0])
    setattr(parent, name.rpartition(".")[2], nn.Sequential(nn.Dropout(dropout), last))


def _try_out(network: nn.Module, name: str, input_shape: Shape) -> None:
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, *input_shape))
    except (RuntimeError, AssertionError, ValueError) as error:
        got = f"{' x '.join(map(str, input_shape))} ({error})"
        fix = "choose another backbone or a larger data.image_size, such as 64 or 224"
        rule = f"{name} cannot take images of this shape"
        raise ConfigError("the model", [Fault("model.backbone", rule, got, fix)]) from None
    network.train(was_training)
