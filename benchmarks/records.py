"""The results: one record for each engine, problem and seed, with its regret as a curve."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

NOTHING_YET = 1.0
"""The regret before any run has a result: that of a median random config."""


@dataclass(frozen=True)
class Record:
    """The result of one engine on one problem with one seed.

    `logged` and `true` hold each evaluation's objective with and without noise; None for a crash. `seconds`
    are the times to suggest each config. With early stopping, `epochs` are those used up to each end.
    """

    suite: str
    problem: str
    engine: str
    seed: int
    in_flight: int
    scale: dict[str, float]
    logged: list[float | None]
    true: list[float | None]
    seconds: list[float]
    epochs: list[int] | None = None

    @classmethod
    def of(cls, line: str) -> Record:
        """Return the record of a line in a results file."""
        found = json.loads(line)
        return cls(**{field.name: found[field.name] for field in fields(cls) if field.name in found})

    @property
    def key(self) -> tuple[Any, ...]:
        """The key by which a repeated measurement is recognized."""
        return self.suite, self.problem, self.engine, self.seed, self.in_flight

    @property
    def pair(self) -> tuple[str, int]:
        """The problem and seed, by which records of two engines are paired."""
        return self.problem.removesuffix("-curves"), self.seed

    @cached_property
    def raw(self) -> np.ndarray:
        """The regret against the best known config."""
        return self._curve(self.scale["best"])

    @cached_property
    def capped(self) -> np.ndarray:
        """The regret against the best of many random configs; 0 for any better config."""
        return self._curve(self.sign * min(self.sign * self.scale["cap"], self.sign * self.scale["best"]))

    @property
    def sign(self) -> float:
        """The sign of the metric: +1 to maximize, -1 to minimize."""
        return float(np.sign(self.scale["best"] - self.scale["median"]))

    def _curve(self, target: float) -> np.ndarray:
        """Return the regret after each evaluation, or with early stopping after each epoch.

        0 is `target`, 1 a median random config. The incumbent is the config of the best logged objective. Its
        true objective gives the regret.
        """
        span = target - self.scale["median"]
        regrets, best, regret = [], -np.inf, NOTHING_YET
        for logged, true in zip(self.logged, self.true, strict=True):
            if logged is not None and true is not None and self.sign * logged > best:
                best, regret = self.sign * logged, max((target - true) / span, 0.0)
            regrets.append(regret)
        return np.array(regrets) if self.epochs is None else _by_epoch(regrets, self.epochs)


def _by_epoch(regrets: list[float], epochs: list[int]) -> np.ndarray:
    ended = np.searchsorted(epochs, np.arange(1, epochs[-1] + 1), side="right")
    return np.array([NOTHING_YET, *regrets])[ended]


def load(path: Path) -> list[Record]:
    """Return the records of a results file; of those with the same key the longest."""
    longest: dict[tuple[Any, ...], Record] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        record = Record.of(line)
        known = longest.get(record.key)
        if known is None or len(record.true) >= len(known.true):
            longest[record.key] = record
    return list(longest.values())


def curves(records: Iterable[Record], target: str = "raw") -> np.ndarray:
    """Return the regrets, records x evaluations (or epochs), cut to the shortest record."""
    found = [getattr(record, target) for record in records]
    length = min(len(curve) for curve in found)
    return np.array([curve[:length] for curve in found])
