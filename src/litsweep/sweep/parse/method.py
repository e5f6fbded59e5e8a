"""How a sweep chooses its next config."""

from enum import StrEnum


class Method(StrEnum):
    """How the next config is chosen; custom leaves it to a scheduler outside."""

    GRID = "grid"
    RANDOM = "random"
    BAYES = "bayes"
    CUSTOM = "custom"
