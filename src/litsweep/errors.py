"""Errors for users: what is wrong, where (path and value), and how to fix it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault in a user's input: where, the rule that is broken, the value found, and what to write."""

    path: str
    rule: str
    got: str
    fix: str

    def __str__(self) -> str:
        got = f", got {self.got}" if self.got else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.path}: {self.rule}{got}{fix}"


class LitsweepError(Exception):
    """An error that the user can fix. It is shown as one paragraph, without a traceback."""


class ConfigError(LitsweepError):
    """All faults of one config."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what = what
        self.faults = tuple(faults)
        headline = f"{what} has {count(len(self.faults), 'fault')}:"
        super().__init__("\n".join([headline, *(f"  {fault}" for fault in self.faults)]))


def count(n: int, noun: str) -> str:
    """Return the number with its noun, such as `1 fault` or `2 faults`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
