"""A dict of the values that were used last, for caches of what changes in size."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class RecentlyUsed(OrderedDict[K, V]):
    """A dict whose last entry was used last. Threads that share it need a lock."""

    def use(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, or what `make` returns if there is none. It is then the last entry."""
        if key not in self:
            self[key] = make()
        self.move_to_end(key)
        return self[key]

    def limit(self, most: int, size: Callable[[V], int] = lambda value: 1) -> None:
        """Drop first entries until the sizes sum to at most `most`. The last entry stays."""
        total = sum(map(size, self.values()))
        while total > most and len(self) > 1:
            total -= size(self.popitem(last=False)[1])
