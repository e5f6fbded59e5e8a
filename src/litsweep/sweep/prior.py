"""What a person expects of a parameter before the first run."""

from dataclasses import dataclass
from enum import StrEnum


class Confidence(StrEnum):
    """How sure the person is of the best guess."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class StatedPrior:
    """The value that a person expects to be best, and how sure they are."""

    best_guess: object
    confidence: Confidence = Confidence.MEDIUM
