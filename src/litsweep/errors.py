"""What a person sees when something is wrong: what, where (path and value), and how to fix it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong in something a person wrote.

    `path` is where (`parameters.lr.min`), `rule` what must hold there, `got` the value found, and
    `fix` what to write instead.
    """

    path: str
    rule: str
    got: str
    fix: str

    def __str__(self) -> str:
        got = f", got {self.got}" if self.got else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.path}: {self.rule}{got}{fix}"


class LitsweepError(Exception):
    """A mistake or a circumstance that the person can mend: shown as one paragraph, never as a traceback."""


class ConfigError(LitsweepError):
    """Everything wrong in one config, reported together."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        self.what = what
        self.faults = tuple(faults)
        headline = f"{what} has {count(len(self.faults), 'fault')}:"
        super().__init__("\n".join([headline, *(f"  {fault}" for fault in self.faults)]))


def count(n: int, noun: str) -> str:
    """`1 fault`, `2 faults`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def shortened(n: int) -> str:
    """An integer in full up to nine digits, else as `1.23e20`, however large it is."""
    if abs(n) < 10**9:
        return str(n)
    shift = max(0, math.floor(math.log10(abs(n))) - 15)
    mantissa, exponent = f"{n / 10**shift:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent) + shift}"
