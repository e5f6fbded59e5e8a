"""The numbers of changes: each change of a run gets a larger number than all changes before it.

A cache that has read all runs up to a number reads only the runs with a larger one. Writers take turns, so
changes are committed in the order of their numbers. A server continues after the largest number that its
database has (`continue_after`).
"""

import threading


class _Numbers:
    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """Return a larger number than ever before. Only a writer asks for one, in its turn."""
        with self._lock:
            self._last += 1
            return self._last

    def continue_after(self, number: int) -> None:
        """Let all further numbers be larger than `number`."""
        with self._lock:
            self._last = max(self._last, number)


_numbers = _Numbers()  # shared by all databases of the process: a larger step does no harm
next_number, continue_after = _numbers.next, _numbers.continue_after
