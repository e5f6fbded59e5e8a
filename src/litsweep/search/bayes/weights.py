"""The interface of a weight of the acquisition function: of success, of constraints, of cost."""

from typing import Protocol

from torch import Tensor


class Weight(Protocol):
    """A factor of the acquisition function."""

    def log_weight(self, x: Tensor, position: int) -> Tensor:
        """Return the term to add to the log acquisition of the `position`-th suggestion, shape `m`."""
