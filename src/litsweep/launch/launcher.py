"""The launchers: the places where `litsweep launch --on PLACE` starts agents.

A new launcher is a module of this package with a `LAUNCHER`, and its name in `_MODULES`.
"""

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module

from litsweep.launch.options import LaunchOutcome, SlotView

_MODULES = ("local", "slurm", "ray")

Display = Callable[[tuple[SlotView, ...]], None]
"""Shows the slots of a launch; called a few times a second."""

View = Callable[[], AbstractContextManager[Display]]
"""Opens a display for the time of a block."""


class Flag:
    """A command-line flag with the arguments of `ArgumentParser.add_argument`. Launchers may share it."""

    def __init__(self, name: str, **settings: object) -> None:
        self.name = name
        self.settings: Mapping[str, object] = settings

    @property
    def attribute(self) -> str:
        """The attribute of the parsed arguments that holds the flag's value."""
        return str(self.settings.get("dest", self.name.lstrip("-").replace("-", "_")))


@dataclass(frozen=True)
class Launcher:
    """A place for agents: `name` is the value of `--on`, `title` heads its flags in the help.

    `launch` gets the full path of a sweep, the parsed arguments and a view for its slots. It returns None if
    the agents continue without this process. `fault` returns what is wrong with the arguments, if anything.
    """

    name: str
    title: str
    flags: tuple[Flag, ...]
    launch: Callable[[str, argparse.Namespace, View], LaunchOutcome | None]
    fault: Callable[[argparse.Namespace], str | None] = lambda _: None


def launchers() -> dict[str, Launcher]:
    """Return all launchers by name."""
    found: list[Launcher] = [import_module(f"{__package__}.{name}").LAUNCHER for name in _MODULES]
    return {launcher.name: launcher for launcher in found}


def positive(text: str) -> int:
    """Return a flag's value that must be a whole number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def amount(text: str) -> float:
    """Return a flag's value that must be a number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return number


GPUS_PER_AGENT = Flag(
    "--gpus-per-agent", type=amount, default=0.0, metavar="G", help="GPUs of each agent, on Ray also 0.5"
)
CPUS_PER_AGENT = Flag("--cpus-per-agent", type=positive, metavar="C", help="CPU cores of each agent")
