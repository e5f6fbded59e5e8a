"""The quality of a Pareto front: the share of a box of metric values that it dominates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """The box from `worst` to `ideal`, two points of signed metrics: higher is better."""

    worst: np.ndarray
    ideal: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Box:
        """Return the box from the medians of the points, shape `n x m`, to their best values."""
        return cls(np.median(points, 0), points.max(0))

    def dominated(self, points: np.ndarray) -> float:
        """Return the share of the box that the points, shape `n x m`, dominate."""
        import torch
        from botorch.utils.multi_objective.hypervolume import Hypervolume

        shares = (points[non_dominated(points)] - self.worst) / (self.ideal - self.worst)
        return float(Hypervolume(torch.zeros(shares.shape[1])).compute(torch.tensor(shares)))


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Return which of the points, shape `n x m`, no other dominates: bool, shape `n`."""
    import torch
    from botorch.utils.multi_objective.pareto import is_non_dominated

    return np.asarray(is_non_dominated(torch.tensor(points)))


def signed(rows: Sequence[dict[str, float]], signs: dict[str, float]) -> np.ndarray:
    """Return the rows of metrics as points of signed metrics, shape `n x m`."""
    return np.array([[sign * row[name] for name, sign in signs.items()] for row in rows])
