"""A cache of values computed from texts, limited by the length of the texts."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SizedCache(Generic[T]):
    """Caches `compute(text)` for the last used texts, up to `most` characters in total."""

    def __init__(self, compute: Callable[[str], T], most: int) -> None:
        self._compute = compute
        self._most = most
        self._values: OrderedDict[str, T] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __call__(self, text: str) -> T:
        """Return `compute(text)`."""
        with self._lock:
            if text in self._values:
                self._values.move_to_end(text)
                return self._values[text]
        value = self._compute(text)
        with self._lock:
            if text not in self._values and len(text) <= self._most:
                self._values[text] = value
                self._size += len(text)
            while self._size > self._most:
                self._size -= len(self._values.popitem(last=False)[0])
        return value
