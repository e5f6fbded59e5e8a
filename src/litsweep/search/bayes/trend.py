"""Prior mean functions of a Gaussian process, beside its constant mean."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Trend(Protocol):
    """Prior mean functions with fitted slopes, which are at least 0.

    The slopes' prior is normal, with the mean `slope` and the deviation `slope_deviation`.
    """

    @property
    def size(self) -> int:
        """The number of functions."""

    @property
    def slope(self) -> float:
        """The mean of the prior of each slope."""

    @property
    def slope_deviation(self) -> float:
        """The deviation of the prior of each slope."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return the functions at model inputs `x`, shape `... m x d`: shape `... m x size`."""

    def weights(self, slopes: Tensor) -> Mapping[str, float]:
        """Return the effect of each function by its name, given the fitted slopes, shape `size`."""
