"""What a front of several metrics is worth: how much it dominates of what there is to gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """What is better than `worst` in every metric; both points are of signed metrics: higher is better."""

    worst: np.ndarray
    ideal: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Box:
        """From the medians of random configs, shape `n x m`, to their best values."""
        return cls(np.median(points, 0), points.max(0))

    def dominated(self, points: np.ndarray) -> float:
        """The hypervolume between `worst` and the points, shape `n x m`; 1 is that of the ideal."""
        import torch
        from botorch.utils.multi_objective.hypervolume import Hypervolume

        shares = (points[non_dominated(points)] - self.worst) / (self.ideal - self.worst)
        return float(Hypervolume(torch.zeros(shares.shape[1])).compute(torch.tensor(shares)))


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Which of the points, shape `n x m`, no other one beats."""
    import torch
    from botorch.utils.multi_objective.pareto import is_non_dominated

    return np.asarray(is_non_dominated(torch.tensor(points)))


def signed(rows: Sequence[dict[str, float]], signs: dict[str, float]) -> np.ndarray:
    """Points, shape `n x m`, of rows of metrics."""
    return np.array([[sign * row[name] for name, sign in signs.items()] for row in rows])
