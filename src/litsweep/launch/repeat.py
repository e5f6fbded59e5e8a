"""The shell command that repeats one run of a sweep. It is text only: nothing is written or started."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from litsweep.launch.command import (
    DEFAULT_COMMAND,
    ENVIRONMENT_MACRO,
    args_json,
    filled_macros,
    is_macro,
)
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical
from litsweep.sweep.values import identity

_WITH_VALUES = frozenset(
    f"${{{name}}}"
    for name in (
        *("args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags", "args_json"),
        *("args_json_file", "args_append_hydra", "args_override_hydra"),
    )
)
"""The macros that hand the parameters' values to the program; without one it reads `wandb.config`."""

_READS_CONFIG = re.compile(r"\.config\b(?!\s*=)")


def command_line(config: SweepConfig, parameters: Mapping[str, object], run_id: str = "run") -> str | None:
    """Return the bash command that trains once with `parameters`, as an agent would run it.

    Return None where the sweep names no program, as a function's sweep does. A program that gets parameters
    through a file or `wandb.config` needs a file, named after `run_id`: the command writes it. Environment
    variables stay references, so that no secret is shown.
    """
    template = config.command or DEFAULT_COMMAND
    if config.program is None and "${program}" in template:
        return None
    values = config.nest(as_sent(config, parameters))
    args_file = Path(f"args-{run_id}.json")
    macros = filled_macros(config.program or "", values, args_file)
    macros["interpreter"] = [_python()]
    words = _without_needless_env([word for item in template for word in _shell_words(item, macros)])
    line = " ".join(_found_at_prompt(words))
    if "${args_json_file}" in template:
        line = f"{_writing(args_json(values), args_file)} && {line}"
    if values and (not _WITH_VALUES & set(template) or _reads_wandb_config(config.program)):
        line = _with_sweep_file(line, values, Path(f"config-{run_id}.yaml"))
    return line


def as_sent(config: SweepConfig, parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters as the sweep gave them to the agent: a run's config has 1 where that was 1.0."""
    known = config.space.by_name
    return {name: _value_sent(known[name].distribution, value) for name, value in parameters.items()}


def _value_sent(distribution: Distribution, value: object) -> object:
    if isinstance(distribution, Categorical):
        same = (option for option in distribution.support if identity(option) == identity(value))
        return next(same, value)
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(distribution.ppf(0.5), float):
        return float(value)
    return value


def _shell_words(item: str, macros: Mapping[str, Sequence[str]]) -> list[str]:
    """The words of one item of `command`, quoted for bash."""
    if ENVIRONMENT_MACRO.search(item):
        return [_with_references(item)]
    return [_quoted(word) for word in (macros.get(item[2:-1], ()) if is_macro(item) else (item,))]


def _with_references(item: str) -> str:
    """`--key=${envvar:X}` as `--key="${X-X}"`: like the agent, bash takes the name where X is not set."""
    literal, *rest = ENVIRONMENT_MACRO.split(item)
    parts = [_quoted(literal) if literal else ""]
    for name, following in zip(rest[::2], rest[1::2], strict=True):
        is_variable = re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) is not None
        parts += [f'"${{{name}-{name}}}"' if is_variable else name, _quoted(following) if following else ""]
    return "".join(parts) or "''"


def _quoted(word: str) -> str:
    """One word for bash, on one line also where it has newlines or control characters."""
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
    """`env` is needed for its options and for `NAME=value` words; a plain command reads better without."""
    if words[:1] != ["/usr/bin/env"]:
        return words
    has_work = len(words) < 2 or "=" in words[1] or words[1].startswith(("-", '"$'))
    return ["env", *words[1:]] if has_work else words[1:]


def _writing(text: str, file: Path) -> str:
    return f"printf %s {_quoted(text)} > {_quoted(str(file))}"


def _with_sweep_file(line: str, values: Mapping[str, object], file: Path) -> str:
    """Hand the parameters over as the agent does beside the command: wandb.init reads them from a file."""
    wrapped = {name: {"value": value} for name, value in values.items()}
    text = yaml.safe_dump({"wandb_version": 1, **wrapped}, default_flow_style=True, width=float("inf"))
    return f"{_writing(text.strip(), file)} && WANDB_SWEEP_PARAM_PATH={_quoted(str(file))} {line}"


def _found_at_prompt(words: list[str]) -> list[str]:
    """Give the path of a program that agents take from this environment, and that a prompt has not first."""
    at = next((i for i, word in enumerate(words) if word != "env" and "=" not in word), len(words))
    if at == len(words) or "/" in words[at]:
        return words
    own = Path(sys.executable).with_name(words[at])
    if not own.is_file() or shutil.which(words[at]) == str(own):
        return words
    return [*words[:at], _quoted(_from_here(own)), *words[at + 1 :]]


def _reads_wandb_config(program: str | None) -> bool:
    """Return True where the program's file is here and may ignore its flags, as many scripts for W&B do."""
    for path in (Path(program or ""), Path(f"{(program or '').replace('.', '/')}.py")):
        if path.is_file():
            source = path.read_bytes().decode(errors="replace")
            return "wandb" in source and _READS_CONFIG.search(source) is not None
    return False


def _python() -> str:
    """How a person at this prompt calls this interpreter: `python` only where that is the same one."""
    if shutil.which("python") == sys.executable:
        return "python"
    return _from_here(Path(sys.executable))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
