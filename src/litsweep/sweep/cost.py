"""The cost of a run."""

from enum import StrEnum


class Cost(StrEnum):
    """The cost by which the search divides the expected improvement of a run."""

    DURATION = "duration"
