"""The sweep's `command` with its macros filled in, as by the stock agent: to start a run, or to repeat it."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import yaml

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import Variable
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical
from litsweep.sweep.values import identity

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
ENVIRONMENT_MACRO = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
_PASSES_NO_VALUES = {"env", "interpreter", "program", "args_dict"}  # macros
_READS_CONFIG = re.compile(r"\.config\b(?!\s*=)")


def invocation(
    template: Sequence[str] | None,
    program: str,
    args: Mapping[str, Mapping[str, object]],
    args_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Return the command of a run: `template` (None: W&B's default command) with its macros filled in.

    Writes `args_file` if the command has `${args_json_file}`. Unknown macros are removed, as by the stock
    agent.
    """
    words = [fill_environment(str(word), environ) for word in template or DEFAULT_COMMAND]
    values = {name: argument["value"] for name, argument in args.items()}
    if "${args_json_file}" in words:
        args_file.write_text(args_json(values))
    macros = filled_macros(program, values, args_file)
    return tuple(chain(*(macros.get(word[2:-1], []) if is_macro(word) else [word] for word in words)))


def is_macro(word: str) -> bool:
    """Return True for an item of `command` that the agent replaces as a whole."""
    return word.startswith("${") and word.endswith("}")


def fill_environment(word: str, environ: Mapping[str, str]) -> str:
    """Return `word` with each `${envvar:X}` replaced by the variable, or by its name if it is not set."""
    return ENVIRONMENT_MACRO.sub(lambda found: environ.get(found[1], found[1]), word)


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


def command_line(config: SweepConfig, parameters: Mapping[str, object], run_id: str = "run") -> str | None:
    """Return the bash command that trains once with `parameters`, as an agent would.

    Return None if the sweep names no program. If the program reads parameters from a file or `wandb.config`,
    the command writes a file named after `run_id`. Environment variables stay references and show no secret.
    """
    template = config.command or DEFAULT_COMMAND
    if config.program is None and "${program}" in template:
        return None
    known = config.space.by_name
    sent = {name: _value_sent(known[name].distribution, value) for name, value in parameters.items()}
    values = config.nest(sent)
    args_file = Path(f"args-{run_id}.json")
    macros = filled_macros(config.program or "", values, args_file)
    same = shutil.which("python") == sys.executable
    macros["interpreter"] = ["python" if same else _relative(Path(sys.executable))]
    words = _without_needless_env([word for item in template for word in _shell_words(item, macros)])
    line = " ".join(_with_full_path(words))
    passes_values = any(
        is_macro(item) and item[2:-1] in macros.keys() - _PASSES_NO_VALUES for item in template
    )
    if values and (not passes_values or _reads_wandb_config(config.program)):
        line = _with_sweep_file(line, values, Path(f"config-{run_id}.yaml"))
    if "${args_json_file}" in template:
        line = f"{_write_command(args_json(values), args_file)} && {line}"
    return line


def _value_sent(distribution: Distribution, value: object) -> object:
    """Return a value with the type that the sweep sent: a run's config stores 1.0 as 1."""
    if isinstance(distribution, Categorical):
        same = (option for option in distribution.support if identity(option) == identity(value))
        return next(same, value)
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(distribution.ppf(0.5), float):
        return float(value)
    return value


def _shell_words(item: str, macros: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the words of one item of `command`, quoted for bash."""
    if ENVIRONMENT_MACRO.search(item):
        return [_with_references(item)]
    return [_quoted(word) for word in (macros.get(item[2:-1], ()) if is_macro(item) else (item,))]


def _with_references(item: str) -> str:
    """Return `--key="${X-X}"` for `--key=${envvar:X}`. Bash uses the name X if X is not set."""
    literal, *rest = ENVIRONMENT_MACRO.split(item)
    parts = [_quoted(literal) if literal else ""]
    for name, following in zip(rest[::2], rest[1::2], strict=True):
        is_variable = re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) is not None
        parts += [f'"${{{name}-{name}}}"' if is_variable else name, _quoted(following) if following else ""]
    return "".join(parts) or "''"


def _quoted(word: str) -> str:
    """Return a word quoted for bash, on one line even if it has newlines or control characters."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def _without_needless_env(words: list[str]) -> list[str]:
    """Drop `env` unless it has options or `NAME=value` words."""
    if words[:1] != ["/usr/bin/env"]:
        return words
    has_work = len(words) < 2 or "=" in words[1] or words[1].startswith(("-", '"$'))
    return ["env", *words[1:]] if has_work else words[1:]


def _write_command(text: str, file: Path) -> str:
    return f"printf %s {_quoted(text)} > {_quoted(str(file))}"


def _with_sweep_file(line: str, values: Mapping[str, object], file: Path) -> str:
    """Add the parameter file that an agent writes for every run: `wandb.init` reads it."""
    wrapped = {name: {"value": value} for name, value in values.items()}
    text = yaml.safe_dump({"wandb_version": 1, **wrapped}, default_flow_style=True, width=float("inf"))
    return f"{_write_command(text.strip(), file)} && {Variable.PARAMETERS_FILE}={_quoted(str(file))} {line}"


def _with_full_path(words: list[str]) -> list[str]:
    """Give the full path of a program that agents find in this environment but the shell does not."""
    at = next((i for i, word in enumerate(words) if word != "env" and "=" not in word), len(words))
    if at == len(words) or "/" in words[at]:
        return words
    own = Path(sys.executable).with_name(words[at])
    if not own.is_file() or shutil.which(words[at]) == str(own):
        return words
    return [*words[:at], _quoted(_relative(own)), *words[at + 1 :]]


def _reads_wandb_config(program: str | None) -> bool:
    """Return True if the program's file is here and may read `wandb.config` instead of its flags."""
    for path in (Path(program or ""), Path(f"{(program or '').replace('.', '/')}.py")):
        if path.is_file():
            source = path.read_bytes().decode(errors="replace")
            return "wandb" in source and _READS_CONFIG.search(source) is not None
    return False


def _relative(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
