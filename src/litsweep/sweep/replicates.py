"""Replicates: a sweep that runs each config several times, with different seeds."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from litsweep.sweep.metric import Metric
from litsweep.sweep.pareto import ranked_by
from litsweep.sweep.seeds import without
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
        return without(space, self.parameter)

    def config_keys(self, space: SearchSpace, parameters: Sequence[Mapping[str, object]]) -> list[Hashable]:
        """Return what tells the config of each run with these parameters."""
        configs = self.configs(space)
        return [configs.key(each) for each in parameters]


def ranked_by_config(
    values: Sequence[float | None],
    broken: Sequence[int],
    metric: Metric,
    keys: Sequence[Hashable],
    n: int,
) -> list[int]:
    """Return the positions of the runs with a value, those of the best config first.

    `keys` tell the config of each run. Configs are sorted by their mean; those with fewer than `n` values of
    unbroken runs come after the others, because the mean of a few values may be high by luck.
    """
    ranked, own = ranked_by(values, broken, metric), dict[Hashable, list[float]]()
    for value, is_broken, key in zip(values, broken, keys, strict=True):
        if value is not None and not is_broken:
            own.setdefault(key, []).append(-metric.sign * value)
    places = {key: (len(found) < n, fmean(found)) for key, found in own.items()}
    return sorted(ranked, key=lambda i: (broken[i], places.get(keys[i], (True, 0.0))))
