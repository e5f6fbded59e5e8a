"""The sweep's `command` with the macros of the stock agent filled in for one run."""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
ENVIRONMENT_MACRO = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Invocation:
    """How to start a run: `argv` for a new process.

    `script` is the part after the interpreter if this very interpreter runs a Python file, else None.
    """

    argv: tuple[str, ...]
    script: tuple[str, ...] | None


def invocation(
    template: Sequence[str] | None,
    program: str,
    args: Mapping[str, Mapping[str, object]],
    args_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> Invocation:
    """Fill in `template` (None: W&B's default command).

    Writes `args_file` if the command has `${args_json_file}`. Unknown macros are removed, as by the stock
    agent.
    """
    words = [fill_environment(str(word), environ) for word in template or DEFAULT_COMMAND]
    values = {name: argument["value"] for name, argument in args.items()}
    if "${args_json_file}" in words:
        args_file.write_text(args_json(values))
    macros = filled_macros(program, values, args_file)
    parts = [macros.get(word[2:-1], []) if is_macro(word) else [word] for word in words]
    return Invocation(tuple(_flat(parts)), _script(words, parts, environ))


def _flat(parts: Sequence[Sequence[str]]) -> list[str]:
    return [word for part in parts for word in part]


def is_macro(word: str) -> bool:
    """Return True for an item of `command` that the agent replaces as a whole."""
    return word.startswith("${") and word.endswith("}")


def fill_environment(word: str, environ: Mapping[str, str]) -> str:
    """Return `word` with each `${envvar:X}` replaced by the variable, or by its name if it is not set."""
    return ENVIRONMENT_MACRO.sub(lambda found: environ.get(found[1], found[1]), word)


def _script(
    words: Sequence[str], parts: Sequence[Sequence[str]], environ: Mapping[str, str]
) -> tuple[str, ...] | None:
    """Return the part after the interpreter if the command is `[${env}] ${interpreter} PROGRAM.py …`."""
    skip = 1 if words[0] == "${env}" else 0
    if words[skip] != "${interpreter}" and not _is_this_interpreter(words[skip], environ):
        return None
    rest = tuple(_flat(parts[skip + 1 :]))
    return rest if rest and rest[0].endswith(".py") else None


def _is_this_interpreter(word: str, environ: Mapping[str, str]) -> bool:
    """Return False for the Python of another environment, which has other packages."""
    found = shutil.which(word, path=environ.get("PATH"))
    ours = Path(sys.executable)
    return found is not None and Path(found).parent == ours.parent and Path(found).samefile(ours)


def filled_macros(program: str, values: Mapping[str, object], args_file: Path) -> dict[str, list[str]]:
    """Return the words for each macro. `${args_dict}` gives only the names, as in W&B."""
    flags = [f"{name}={value}" for name, value in values.items()]
    return {
        "env": ["/usr/bin/env"],
        "interpreter": [sys.executable],
        "program": [program],
        "args": [f"--{flag}" for flag in flags],
        "args_no_equals": [word for name, value in values.items() for word in (f"--{name}", str(value))],
        "args_no_hyphens": flags,
        "args_no_boolean_flags": [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in values.items()
            if value is not False
        ],
        "args_json": [args_json(values)],
        "args_json_file": [str(args_file)],
        "args_dict": list(values),
        "args_append_hydra": [f"+{flag}" for flag in flags],
        "args_override_hydra": [f"++{flag}" for flag in flags],
    }


def args_json(values: Mapping[str, object]) -> str:
    """Return the parameters as the JSON object of `${args_json}` and `${args_json_file}`."""
    return json.dumps(dict(values))
