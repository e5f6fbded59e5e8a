"""The file, module or executable that a sweep's `command` runs, and whether it is found here."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from litsweep.errors import Fault
from litsweep.launch.command import DEFAULT_COMMAND
from litsweep.launch.process import path_of_runs
from litsweep.sweep.config import SweepConfig

PROGRAM, PYTHON = "${program}", "${interpreter}"
_OWN_PYTHON = (PYTHON, "python", "python3")
_PYTHON = re.compile(r"python[0-9.]*")
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_TAKES_A_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_SHEBANG = re.compile(r"#!.*python")
_LARGEST_SOURCE = 1_000_000


class Kind(StrEnum):
    """How the command names what it runs."""

    FILE = "file"
    MODULE = "module"
    EXECUTABLE = "executable"


@dataclass(frozen=True)
class Target:
    """What the command runs. `is_program` is True if `program:` names it. `arguments` are the items after it.

    `is_here` is True if the agent starts it directly or with this Python. A missing file is then an error.
    """

    kind: Kind
    name: str
    is_program: bool
    is_here: bool
    arguments: tuple[str, ...]

    def source(self) -> Path | None:
        """Return the file that runs, or None if it is not found here. Imports nothing."""
        if self.kind is Kind.MODULE:
            return _module_file(self.name)
        if self.kind is Kind.EXECUTABLE:
            found = shutil.which(self.name, path=path_of_runs(os.environ))
            return Path(found) if found else None
        path = Path(self.name)
        return next((file for file in (path, path / "__main__.py") if file.is_file()), None)

    def python_source(self) -> str:
        """Return the Python source that runs; empty if it is something else or cannot be read."""
        source = self.source()
        try:
            if source is None or source.stat().st_size > _LARGEST_SOURCE:
                return ""
            text = source.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        runs_in_python = self.is_here and self.kind is Kind.FILE
        return text if runs_in_python or source.suffix == ".py" or _SHEBANG.match(text) else ""


def target_of(config: SweepConfig) -> Target | None:
    """Return what the command runs, or None if another program in it (bash, docker) decides that."""
    items = list(config.command or DEFAULT_COMMAND)
    start = _first_word(items)
    pythons = (i for i, item in enumerate(items) if item == PYTHON or _PYTHON.fullmatch(Path(item).name))
    python = next((i for i in pythons if i >= start), None)
    if python is not None:
        found = _after_python(items, python)
        is_here = python == start and items[python] in (*_OWN_PYTHON, sys.executable)
        return _target(config, items, *found, is_here=is_here) if found else None
    if start < len(items) and items[start] == PROGRAM:
        return _target(config, items, Kind.EXECUTABLE, start, is_here=True)
    if PROGRAM not in items:
        return None
    at = items.index(PROGRAM)
    kind = Kind.MODULE if items[at - 1] in ("-m", "--module") else Kind.FILE
    return _target(config, items, kind, at, is_here=False)


def _target(config: SweepConfig, items: Sequence[str], kind: Kind, at: int, *, is_here: bool) -> Target:
    is_program = items[at] == PROGRAM
    name = (config.program or "") if is_program else items[at]
    return Target(kind, name, is_program, is_here, tuple(items[at + 1 :]))


def _first_word(items: Sequence[str]) -> int:
    """Return the index of the program that the agent starts, after `${env}` and its variables."""
    if items[:1] not in (["${env}"], ["env"], ["/usr/bin/env"]):
        return 0
    return next((i for i, item in enumerate(items) if i > 0 and not _ASSIGNMENT.fullmatch(item)), len(items))


def _after_python(items: Sequence[str], python: int) -> tuple[Kind, int] | None:
    """Return what the interpreter runs, and its index; None for `-c` and for a macro."""
    at = python + 1
    while at < len(items) and items[at].startswith("-") and items[at] not in ("-m", "-c"):
        at += 2 if items[at] in _TAKES_A_VALUE else 1
    kind = Kind.MODULE if items[at : at + 1] == ["-m"] else Kind.FILE
    at += kind is Kind.MODULE
    if at >= len(items) or items[at] == "-c" or (items[at].startswith("${") and items[at] != PROGRAM):
        return None
    return kind, at


def program_faults(config: SweepConfig) -> list[Fault]:
    """Return the faults that keep every run from starting: a missing program or file."""
    if config.program is None and PROGRAM in (config.command or DEFAULT_COMMAND):
        return [Fault("program", "an agent needs a program to run", "", "add `program: agent.py`")]
    target = target_of(config)
    if target is None or target.kind is not Kind.FILE or not (target.is_here and target.is_program):
        return []
    if target.source():
        return []
    return [Fault("program", "must be a file in the working folder", repr(target.name), _fix(target))]


def _fix(target: Target) -> str:
    if Path(target.name.split(" ")[0]).is_file():
        return "write its options as further items of `command`"
    if _module_file(target.name):
        return 'write `command: ["${env}", "${interpreter}", -m, "${program}", "${args}"]` to run a module'
    return f"start in the folder that has it (this is {Path.cwd()}), or write its path from here"


def program_warnings(config: SweepConfig) -> list[str]:
    """Return a warning if a module or program that the command runs is not found here."""
    target = target_of(config)
    looks_elsewhere = any(item.startswith(("PATH=", "PYTHONPATH=")) for item in config.command or ())
    if target is None or not target.is_here or looks_elsewhere or target.source():
        return []
    where = {
        Kind.FILE: f"in {Path.cwd()}, where agents start",
        Kind.MODULE: f"by {sys.executable} in {Path.cwd()}",
        Kind.EXECUTABLE: "on PATH; write ./ before the name of a script in this folder",
    }[target.kind]
    place = "program" if target.is_program else "command"
    return [f"{place}: the {target.kind} {target.name!r} is not found {where}"]


def _module_file(name: str) -> Path | None:
    """Return the file that `python -m name` would run from this folder."""
    spec = _module(name)
    if spec and spec.submodule_search_locations is not None:
        spec = _module(f"{name}.__main__")
    return Path(spec.origin) if spec and spec.origin else None


def _module(name: str) -> ModuleSpec | None:
    """Find a module like `importlib.util.find_spec`, but without importing its packages."""
    package, _, _ = name.rpartition(".")
    if package:
        parent = _module(package)
        return PathFinder.find_spec(name, list(parent.submodule_search_locations or ())) if parent else None
    spec = PathFinder.find_spec(name, [str(Path.cwd()), *sys.path])
    if spec and spec.origin:
        return spec
    with contextlib.suppress(ImportError, ValueError):  # an editable install has priority over a bare folder
        installed = find_spec(name)
        return installed if installed and installed.origin else spec
    return spec
