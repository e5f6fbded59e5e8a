"""The command that repeats a run, pasted into bash, passes the same values as the agent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from litsweep.launch.command import command_line, invocation
from litsweep.sweep.config import SweepConfig, parse_sweep

PROGRAM = """
import json, os, sys
from pathlib import Path
words = [json.loads(Path(w).read_text()) if w.endswith(".json") else w for w in sys.argv[1:]]
Path("got.json").write_text(json.dumps([words, os.environ.get("A"), os.environ.get("B")]))
"""
READS_CONFIG = """
import json, wandb
with wandb.init(mode="offline") as run:
    json.dump(dict(run.config), open("got.json", "w"))
"""
VALUES: dict[str, object] = {
    "none": None,
    "text": 'it\'s "a" $HOME `id` \\n é :fire: [b]x[/b] !',
    "lines": "one\n\ttwo\x1b[31m\u0085'\\",
    "empty": "",
    "list": [1, 2.0, {"a": [None, 1.0]}],
    "whole": 3.0,
    "tiny": 1e-07,
    "yes": True,
    "no": False,
}
PYTHON = ["${interpreter}", "${program}"]
COMMANDS = {
    "default": None,
    **{
        name: [*PYTHON, f"${{{name}}}"]
        for name in (
            *("args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags", "args_json"),
            *("args_json_file", "args_append_hydra", "args_override_hydra", "unknown", "args_dict"),
        )
    },
    "env": ["${env}", "A=a b", "B=$HOME", *PYTHON, "${args}"],
    "env option": ["${env}", "-u", "A", *PYTHON, "${args}"],
    "env inside": [*PYTHON, "${env}", sys.executable, "/usr/bin/env", "${args}"],
    "variables": [
        *PYTHON,
        "--t=${envvar:TOKEN}",
        "${envvar:TOKEN}.${envvar:UNSET}",
        "x${envvar:}",
        "${args}",
    ],
    "variable first": ["${env}", "A=${envvar:TOKEN}", *PYTHON, "${args}"],
    "literal": ["python", "${program}", "--a b", "${args}"],
    "twice": [*PYTHON, "${args_json_file}", "${args}", "${args_json_file}"],
}


def sweep(command: list[str] | None, **rest: object) -> SweepConfig:
    parameters = {name: {"value": value} for name, value in VALUES.items()}
    nested = {"model": {"parameters": {"width": {"values": [64.0, 32.0]}, "name": {"value": "é"}}}}
    top = {"method": "random", "program": "my train.py", "parameters": parameters | nested, **rest}
    return parse_sweep(top if command is None else top | {"command": command})


def stored() -> dict[str, object]:
    """Return the parameters as a run's config stores them: the client writes 1.0 as 1."""
    return {**VALUES, "whole": 3, "list": [1, 2, {"a": [None, 1]}], "model.width": 64, "model.name": "é"}


def sent(config: SweepConfig) -> dict[str, dict[str, object]]:
    """Return the values that the sweep sends to the agent."""
    return {k: {"value": v} for k, v in config.nest({**stored(), **VALUES, "model.width": 64.0}).items()}


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Set PATH so that this Python is not first, and enter the program's folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "TOKEN": "s3cr3t word",
        "A": "outer",
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("UNSET", raising=False)
    (tmp_path / "my train.py").write_text(PROGRAM)
    return dict(os.environ)


def received(folder: Path) -> object:
    got = folder / "got.json"
    text = got.read_text()
    got.unlink()
    return json.loads(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_program_gets_what_the_agent_gave(name: str, environ: dict[str, str], tmp_path: Path) -> None:
    command = COMMANDS[name]
    config = sweep(command)
    line = command_line(config, stored(), "ab12")
    assert line is not None and line.isprintable() and "s3cr3t" not in line
    argv = invocation(command, "my train.py", sent(config), tmp_path / "agent.json", environ)
    agents_path = f"{Path(sys.executable).parent}:{environ['PATH']}"
    subprocess.run(argv, env=environ | {"PATH": agents_path}, check=True)
    given = received(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    subprocess.run(["bash", "-c", line], env=environ, check=True)
    assert received(tmp_path) == given
    made = {path.name for path in tmp_path.iterdir()} - before - {"got.json"}
    made = {path.name for path in tmp_path.iterdir()} - before
    if name in ("unknown", "args_dict"):
        assert made == {"config-ab12.yaml"}
        beside = yaml.safe_load((tmp_path / "config-ab12.yaml").read_text())
        assert beside == {"wandb_version": 1, **sent(config)}
    else:
        assert made == ({"args-ab12.json"} if "${args_json_file}" in (command or ()) else set())


@pytest.mark.parametrize("command", [PYTHON, None, [*PYTHON, "${args_json_file}"]])
def test_a_program_that_reads_its_parameters_from_wandb_config(
    command: list[str] | None, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "my train.py").write_text(READS_CONFIG)
    config = sweep(command)
    line = command_line(config, stored(), "ab12")
    assert line is not None
    own = {name: value for name, value in environ.items() if not name.startswith("WANDB_")}
    subprocess.run(["bash", "-c", line], env=own | {"HOME": str(tmp_path)}, check=True)
    assert received(tmp_path) == {name: value["value"] for name, value in sent(config).items()}


def test_a_sweep_that_names_no_program_has_no_command() -> None:
    function = parse_sweep({"method": "grid", "parameters": {"x": {"value": 1}}})
    assert command_line(function, {"x": 1}) is None
    own = parse_sweep({"method": "grid", "parameters": {"x": {"value": 1}}, "command": ["train", "${args}"]})
    assert command_line(own, {"x": 1}) == "train --x=1"


def test_a_prior_run_that_lacks_a_parameter() -> None:
    parameters = {"x": {"value": 1}, "y": {"value": 2}}
    config = parse_sweep({"method": "random", "program": "t.py", "parameters": parameters})
    line = command_line(config, {"y": 2})
    assert line is not None and line.endswith("python t.py --y=2")
