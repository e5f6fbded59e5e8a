"""The sweep's command with its macros filled in, compared with the stock client's own expansion."""

import json
import sys
from pathlib import Path

import pytest
from wandb import wandb_agent
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from litsweep.launch.command import DEFAULT_COMMAND, invocation
from litsweep.launch.warm import script_of

ARGS: dict[str, dict[str, object]] = {
    "lr": {"value": 0.1},
    "flag": {"value": True},
    "off": {"value": False},
    "name": {"value": "a b"},
}
ODD_NAMES: dict[str, dict[str, object]] = {
    "++model.width": {"value": 8},
    "group/option@package": {"value": "x=y"},
    "learning rate": {"value": None},
    "~α[0]": {"value": [1, "b"]},
}


def stock(template: list[str], args_file: Path, args: dict[str, dict[str, object]]) -> tuple[str, ...]:
    """Return what the stock agent runs, with this interpreter in place of `python`."""
    macros = create_sweep_command_args({"args": args})
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
                "${args_dict}",
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
    for args in (ARGS, ODD_NAMES):
        assert invocation(template, "train.py", args, args_file) == stock(template, args_file, args)


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
    argv = invocation(template, "train.py", args, tmp_path / "args.json", environ)
    assert script_of(argv, environ) == (script and list(script))


ODD: dict[str, dict[str, object]] = {
    "none": {"value": None},
    "text": {"value": 'a\'b "c" $HOME é\n\t*'},
    "empty": {"value": ""},
    "list": {"value": [1, 2.5, ["x"], None]},
    "nested": {"value": {"width": 64, "deep": {"on": True}}},
    "tiny": {"value": 1e-07},
    "yes": {"value": True},
    "no": {"value": False},
    "zero": {"value": 0},
}
EVERY_MACRO = [
    *("${env}", "A=b c", "${interpreter}", "-m", "${program}", "--plain", "${args}", "${args_no_equals}"),
    *("${args_no_hyphens}", "${args_no_boolean_flags}", "${args_json}", "${args_json_file}", "${args_dict}"),
    *("${args_append_hydra}", "${args_override_hydra}", "${unknown}", "in${args}side", "${envvar:SWEEP_VAR}"),
    *("${envvar:SWEEP_UNSET}", "--a=${envvar:SWEEP_VAR}${envvar:SWEEP_UNSET}.x", "${envvar:SWEEP_MACRO}"),
]


@pytest.mark.parametrize("args", [ODD, {}], ids=["odd", "none"])
def test_starts_what_the_stock_agent_itself_would_start(
    args: dict[str, dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Process:
        last_sigterm_time: float | None = None

        def __init__(self, command: list[str], **_: object) -> None:
            started.append(command)

    values = {"SWEEP_VAR": "v w", "SWEEP_MACRO": "${args}", "WANDB_DIR": str(tmp_path), "WANDB_SWEEP_ID": "s"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "")  # the agent sets them: restored at the end
    monkeypatch.setattr(wandb_agent, "AgentProcess", Process)
    agent = wandb_agent.Agent(None, None, sweep_id="s")
    agent._sweep_command = list(EVERY_MACRO)
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "sweep-s").mkdir()
    agent._command_run({"type": "run", "run_id": "r", "program": "pkg.main", "args": args})  # type: ignore[no-untyped-call]
    args_file = tmp_path / "wandb" / "sweep-s" / "config-r.json"
    stock_file = args_file.read_text()
    args_file.unlink()
    own = invocation(EVERY_MACRO, "pkg.main", args, args_file)
    assert list(own) == [sys.executable if word == "python" else word for word in started[0]]
    assert args_file.read_text() == stock_file


def test_the_python_of_another_environment_runs_its_scripts_itself(tmp_path: Path) -> None:
    """The other Python has other packages. The same binary may be the Python of two environments."""
    for name in ("python", "python3"):
        (tmp_path / name).symlink_to(Path(sys.executable).resolve())
    environ = {"PATH": f"{tmp_path}:{Path(sys.executable).parent}"}
    for word in ("python", "python3", str(tmp_path / "python")):
        assert script_of([word, "train.py"], environ) is None
    assert script_of([sys.executable, "train.py"], environ) == ["train.py"]
    for words in ([], ["/usr/bin/env"], [sys.executable]):  # a sweep's command may be incomplete
        assert script_of(words, environ) is None
