"""Errors for users: what is wrong, where (path and value), and how to fix it."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault in a user's input: its path, the broken rule, the value found, and the fix."""

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


def shortened(n: int) -> str:
    """Return an integer as text: in full up to nine digits, else as `1.23e20`."""
    if abs(n) < 10**9:
        return str(n)
    shift = max(0, math.floor(math.log10(abs(n))) - 15)
    mantissa, exponent = f"{n / 10**shift:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent) + shift}"


def reason_of(error: object) -> str:
    """Return what an exception or a text says, without the number and the path that an OSError adds."""
    return str(getattr(error, "strerror", None) or error)


def is_wandb_error(error: BaseException) -> bool:
    """Return True for an exception of the wandb client. Not each of their classes is a `wandb.Error`."""
    return any(base.__module__.partition(".")[0] == "wandb" for base in type(error).__mro__)


@contextmanager
def client_errors(failed: str, *others: type[Exception]) -> Iterator[None]:
    """Let an error of the wandb client in the block, or one of the classes `others`, be a LitsweepError.

    Its message begins with `failed`.
    """
    try:
        yield
    except Exception as error:
        if not (is_wandb_error(error) or isinstance(error, others)):
            raise
        raise LitsweepError(f"{failed}: {error}") from error


def is_missing_sweep(error: Exception) -> bool:
    """Return True for an error in which the wandb client says that there is no sweep at a path."""
    return any(words in str(error) for words in ("Could not find sweep", "Invalid path"))
