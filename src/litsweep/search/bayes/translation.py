"""The translation of configs of one sweep into the space of an earlier one.

A value outside the earlier range is moved to its edge. A parameter that only the earlier sweep has, and a
value that it does not know, take the value of a default config, such as the earlier sweep's best one.
Parameters that only the new sweep has are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from litsweep.search.bayes.encoding import Dimension, Encoding
from litsweep.sweep.values import is_finite

_POINTS = 129  # the codes of a continuous parameter at which its translation is exact; between, it is linear

_NONE = torch.empty(0, dtype=torch.double)


@dataclass(frozen=True)
class _Column:
    """The translation of one parameter: code `codes[i]` of column `source` becomes `images[i]`.

    Without a `source` the parameter is constant.
    """

    source: int | None
    codes: Tensor
    images: Tensor
    is_stepwise: bool
    default: float

    @cached_property
    def is_identity(self) -> bool:
        """True if every code stays as it is."""
        return self.source is not None and torch.allclose(self.codes, self.images, atol=1e-9)

    def __call__(self, x: Tensor, active: Tensor | None) -> Tensor:
        """Return the translated codes, shape `... m`, of configs `x`, shape `... m x d`."""
        if self.source is None:
            return torch.full_like(x[..., 0], self.default)
        code = x[..., self.source]
        image = code if self.is_identity else self._image(code)
        return image if active is None else torch.where(active[..., self.source], image, self.default)

    def _image(self, code: Tensor) -> Tensor:
        if self.is_stepwise:
            return self.images[(code.unsqueeze(-1) - self.codes).abs().argmin(-1)]
        right = torch.bucketize(code.detach().contiguous(), self.codes).clamp(1, len(self.codes) - 1)
        low, high = self.codes[right - 1], self.codes[right]
        share = (code - low) / (high - low)
        return self.images[right - 1] + share * (self.images[right] - self.images[right - 1])


class Translation:
    """Translates encoded configs of the space `new` into the space `old`, in which `default` is a config."""

    def __init__(self, new: Encoding, old: Encoding, default: Tensor) -> None:
        self._new, self._old = new, old
        names = {dim.name: j for j, dim in enumerate(new.dimensions)}
        self._columns = [
            _column(new, names.get(dim.name), dim, code)
            for dim, code in zip(old.dimensions, default.tolist(), strict=True)
        ]
        self._is_conditional = _is_conditional(new)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the configs in the old space, shape `... m x d'`, for `x`, shape `... m x d`."""
        active = (
            self._new.active(x.reshape(-1, self._new.d)).reshape(x.shape) if self._is_conditional else None
        )
        moved = torch.stack([column(x, active) for column in self._columns], -1)
        if not _is_conditional(self._old):
            return moved
        return self._old.reset_inactive(moved.reshape(-1, self._old.d)).reshape(moved.shape)


def _is_conditional(encoding: Encoding) -> bool:
    return any(parameter.condition is not None for parameter in encoding.space.parameters)


def _column(new: Encoding, source: int | None, old: Dimension, default: float) -> _Column:
    if source is None:
        parameter = new.space.by_name.get(old.name)
        values = [] if parameter is None else [parameter.distribution.ppf(0.5)]
        code = next(iter(codes_of(old, values, default)), default)
        return _Column(None, _NONE, _NONE, True, code)
    dim = new.dimensions[source]
    codes = torch.linspace(0, 1, _POINTS, dtype=torch.double) if dim.codes is None else dim.codes
    if dim.parameter.distribution == old.parameter.distribution:
        return _Column(source, codes, codes, True, default)
    images = codes_of(old, [dim.decode(code) for code in codes.tolist()], default)
    is_stepwise = dim.is_category or old.is_category
    return _Column(source, codes, torch.tensor(images, dtype=torch.double), is_stepwise, default)


def codes_of(dim: Dimension, values: Sequence[object], default: float) -> list[float]:
    """Return the code of the known value nearest to each value; `default` where there is none."""
    if dim.is_category:
        return [default if (code := dim.encode(value)) is None else code for value in values]
    numbers = np.array([value if is_finite(value) else np.nan for value in values], dtype=float)
    known = np.isfinite(numbers)
    images = np.full(len(numbers), default)
    images[known] = _numeric_codes(dim, numbers[known])
    return [float(image) for image in images]


def _numeric_codes(dim: Dimension, numbers: np.ndarray) -> np.ndarray:
    distribution = dim.parameter.distribution
    if dim.codes is None:
        return np.array([distribution.cdf(number) for number in numbers.tolist()])
    support = np.array([dim.decode(code) for code in dim.codes.tolist()], dtype=float)
    codes: np.ndarray = np.interp(numbers, support, dim.codes.numpy())
    return codes
