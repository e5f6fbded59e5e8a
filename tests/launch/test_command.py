"""The sweep's command, filled in: checked against the stock client's own expansion."""

import json
import sys
from pathlib import Path

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from litsweep.launch.command import DEFAULT_COMMAND, invocation

ARGS: dict[str, dict[str, object]] = {
    "lr": {"value": 0.1},
    "flag": {"value": True},
    "off": {"value": False},
    "name": {"value": "a b"},
}


def stock(template: list[str], args_file: Path) -> tuple[str, ...]:
    """What the stock agent runs, with this interpreter in place of `python`."""
    macros = create_sweep_command_args({"args": ARGS})
    macros |= {
        "env": ["/usr/bin/env"],
        "interpreter": [sys.executable],
        "program": ["train.py"],
        "args_json_file": [str(args_file)],
    }
    words: list[str] = []
    for word in create_sweep_command(list(template)):
        words += macros.get(word[2:-1]) or [] if word.startswith("${") else [word]
    return tuple(words)


@pytest.mark.parametrize(
    "template",
    [
        list(DEFAULT_COMMAND),
        *(
            ["${interpreter}", "${program}", macro]
            for macro in (
                "${args_no_equals}",
                "${args_no_hyphens}",
                "${args_no_boolean_flags}",
                "${args_json}",
                "${args_json_file}",
                "${args_append_hydra}",
                "${args_override_hydra}",
                "${unknown}",
            )
        ),
        ["bash", "${envvar:WHERE}/run.sh", "${program}", "--fixed", "${args}"],
    ],
)
def test_expands_as_the_stock_agent_does(
    template: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", "/opt/x")
    args_file = tmp_path / "args.json"
    assert invocation(template, "train.py", ARGS, args_file).argv == stock(template, args_file)


def test_the_args_file_holds_the_values(tmp_path: Path) -> None:
    args_file = tmp_path / "args.json"
    invocation(["${interpreter}", "${program}", "${args_json_file}"], "train.py", ARGS, args_file)
    assert json.loads(args_file.read_text()) == {"lr": 0.1, "flag": True, "off": False, "name": "a b"}


@pytest.mark.parametrize(
    ("template", "script"),
    [
        (None, ("train.py", "--lr=0.1")),
        (["python", "other.py", "${args}"], ("other.py", "--lr=0.1")),
        (["${interpreter}", "-m", "pkg.train", "${args}"], None),
        (["torchrun", "${program}", "${args}"], None),
        (["${env}", "A=1", "${interpreter}", "${program}"], None),
    ],
)
def test_only_a_plain_python_file_is_a_script(
    template: list[str] | None, script: tuple[str, ...] | None, tmp_path: Path
) -> None:
    environ = {"PATH": str(Path(sys.executable).parent)}
    args: dict[str, dict[str, object]] = {"lr": {"value": 0.1}}
    assert invocation(template, "train.py", args, tmp_path / "args.json", environ).script == script


def test_the_python_of_another_environment_runs_its_scripts_itself(tmp_path: Path) -> None:
    """It has other packages. The same binary may be the Python of two environments."""
    for name in ("python", "python3"):
        (tmp_path / name).symlink_to(Path(sys.executable).resolve())
    environ = {"PATH": f"{tmp_path}:{Path(sys.executable).parent}"}
    for word in ("python", "python3", str(tmp_path / "python")):
        assert invocation([word, "train.py"], "train.py", {}, tmp_path, environ).script is None
    assert invocation([sys.executable, "train.py"], "train.py", {}, tmp_path, environ).script == ("train.py",)
