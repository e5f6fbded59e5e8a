"""What a searcher answers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Proposal:
    """A config worth running, and why: `reason` has at least `method`, the searcher's name."""

    parameters: Mapping[str, object]
    reason: Mapping[str, object]
