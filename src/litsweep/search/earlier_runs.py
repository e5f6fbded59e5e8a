"""Warnings about runs that an earlier version of the config suggested and that the search reads in part."""

from collections import Counter
from collections.abc import Iterator, Mapping

from litsweep.errors import count
from litsweep.sweep.completion import missing
from litsweep.sweep.space import SearchSpace


class EarlierRuns:
    """Counts the runs that lack a parameter, that have one too many, or whose value is out of range."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._lacking: dict[str, tuple[str, ...]] = {}
        self._outside: dict[str, tuple[str, ...]] = {}
        self._dropped: dict[str, tuple[str, ...]] = {}

    def add(self, id: str, parameters: Mapping[str, object]) -> None:
        """Note the parameters of a run."""
        lacking = missing(self._space, parameters)
        present = [each for each in self._space.active(parameters) if each.name not in lacking]
        outside = tuple(p.name for p in present if not p.distribution.contains(parameters[p.name]))
        dropped = tuple(name for name in parameters if name not in self._space.by_name)
        for found, names in ((self._lacking, lacking), (self._outside, outside), (self._dropped, dropped)):
            if names:
                found[id] = names

    def remove(self, id: str) -> None:
        """Forget a run."""
        for found in (self._lacking, self._outside, self._dropped):
            found.pop(id, None)

    def warnings(self) -> Iterator[str]:
        """Yield a warning for each parameter that keeps the search from reading runs as they are."""
        for name, runs in _by_name(self._lacking).items():
            fix = f"if the program used a fixed value, write `litsweep: {{defaults: {{{name}: …}}}}`"
            yield f"{name}: the search does not use {count(runs, 'run')} without a value of it; {fix}"
        for name, runs in _by_name(self._outside).items():
            yield f"{name}: the search does not use {count(runs, 'run')} with a value outside its range"
        for name, runs in _by_name(self._dropped).items():
            what = f"the search uses {count(runs, 'run')} with any value of this removed parameter"
            yield f"{name}: {what}; to use only those with one value, write `{name}: {{value: …}}`"


def _by_name(found: Mapping[str, tuple[str, ...]]) -> Counter[str]:
    return Counter(name for names in found.values() for name in names)
