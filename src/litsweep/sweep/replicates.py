"""Replicates: a sweep that runs each config several times, with different seeds."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from litsweep.sweep.metric import Metric
from litsweep.sweep.pareto import ranked_by
from litsweep.sweep.space import SearchSpace


@dataclass(frozen=True)
class Replicates:
    """Each config runs `n` times. `parameter` is the name of the seed, and `seeds` are its values."""

    parameter: str
    seeds: tuple[int, ...]

    @property
    def n(self) -> int:
        """The number of runs of a config."""
        return len(self.seeds)

    def configs(self, space: SearchSpace) -> SearchSpace:
        """Return the space of a sweep without the seed: configs with the same key differ in the seed only."""
        return space.without(self.parameter)

    def config_keys(self, space: SearchSpace, parameters: Sequence[Mapping[str, object]]) -> list[Hashable]:
        """Return a key for each run's `parameters`. Runs that differ in the seed only have equal keys."""
        configs = self.configs(space)
        return [configs.key(each) for each in parameters]


def ranked_by_config(
    values: Sequence[float | None],
    standings: Sequence[int],
    metric: Metric,
    keys: Sequence[Hashable],
    n: int,
) -> list[int]:
    """Return the positions of the runs with a value, those of the best config first.

    `keys` are from `config_keys`, and `standings` from `standing`. Configs are sorted by their mean. Those
    with fewer than `n` usable values come after the others, because the mean of a few values may be high by
    luck.
    """
    ranked, own = ranked_by(values, standings, metric), dict[Hashable, list[float]]()
    for value, standing, key in zip(values, standings, keys, strict=True):
        if value is not None and standing == 0:
            own.setdefault(key, []).append(-metric.sign * value)
    places = {key: (len(found) < n, fmean(found)) for key, found in own.items()}
    return sorted(ranked, key=lambda i: (standings[i], places.get(keys[i], (True, 0.0))))
