"""Who asked a run to stop."""

from enum import StrEnum


class StoppedBy(StrEnum):
    """Who asked a run to stop."""

    SEARCH = "search"
    PERSON = "person"
    PAUSE = "pause"  # the search, which may resume the run later


BY_SEARCH = (StoppedBy.SEARCH, StoppedBy.PAUSE)
