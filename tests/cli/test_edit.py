"""`litsweep edit`, against a real server."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.cli import main
from tests.cli.test_best import TWO, add_run
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_SWEEP

CONFIG = """\
method: bayes
metric: {name: loss}
parameters: {lr: {min: 0.1, max: 1.0}}
"""
VERSION = """query Version($name: String!) {
  project(name: "p", entityName: "local") { sweep(sweepName: $name) { version config } } }"""

Edit = Callable[..., tuple[int, str, str]]


@pytest.fixture
def edit(
    module_server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Edit:
    """Run the command, with an answer to its question or without a terminal. Return code and output."""
    for name in ("WANDB_ENTITY", "WANDB_PROJECT", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", module_server.url)
    monkeypatch.setenv("WANDB_API_KEY", module_server.key)

    def run(*args: str, answer: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
        monkeypatch.setattr("builtins.input", lambda question: print(question, end="") or answer)
        code = main(["edit", *args, "--data-dir", str(module_server.data_dir)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def sweep(module_server: LiveServer) -> str:
    """Return a sweep with a run that waits for its program."""
    name: str = module_server.graphql(UPSERT_SWEEP, config=CONFIG)["upsertSweep"]["sweep"]["name"]
    agent = module_server.graphql(CREATE_AGENT, sweep=name)["createAgent"]["agent"]["id"]
    assert json.loads(module_server.graphql(HEARTBEAT, id=agent)["agentHeartbeat"]["commands"])
    return name


def read(server: LiveServer, sweep: str) -> dict[str, Any]:
    found: dict[str, Any] = server.graphql(VERSION, name=sweep)["project"]["sweep"]
    return found


def test_a_file_replaces_the_config(
    module_server: LiveServer, edit: Edit, sweep: str, tmp_path: Path
) -> None:
    file, result = tmp_path / "new.yaml", tmp_path / "result.json"
    file.write_text(CONFIG.replace("max: 1.0", "max: 2.0").replace("lr:", "dropout: {min: 0, max: 1}, lr:"))
    path, changes = (
        f"local/p/{sweep}",
        ["parameters.dropout: added {distribution: int_uniform, max: 1, min: 0}"],
    )
    changes.append("parameters.lr.max: 1.0 -> 2.0")
    listed = f"Changes of sweep {path}:\n  " + "\n  ".join(changes) + "\n"
    refused = f"litsweep: this changes sweep {path}: add --yes to confirm it\n"
    assert edit(sweep, "--file", str(file)) == (1, "", listed + refused)
    assert edit(sweep, "--file", str(file), answer="n") == (
        1,
        "Change the sweep? [y/N] ",
        listed + "The sweep is unchanged.\n",
    )
    assert read(module_server, sweep)["version"] == 1
    code, out, err = edit(sweep, "--file", str(file), "--yes", "--json", str(result))
    assert (code, out) == (0, f"Sweep {path} (running) has version 2 of its config\n")
    assert err.startswith(
        listed + "warning: dropout: the search does not use 1 run without a value of it; if"
    )
    assert read(module_server, sweep) == {"version": 2, "config": file.read_text()}
    assert json.loads(result.read_text()) == {
        "sweep": path,
        "state": "running",
        "version": 2,
        "changes": changes,
    }
    assert edit(sweep, "--file", str(file)) == (0, f"Sweep {path} already has this config (version 2)\n", "")


def test_an_editor_changes_the_config(
    module_server: LiveServer, edit: Edit, sweep: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = edit(sweep, "--yes")
    assert (
        code == 1
        and err == "litsweep: no editor is set: set EDITOR, or pass the new config with --file new.yaml\n"
    )
    monkeypatch.setenv("EDITOR", "sed -i 's/max: 1.0/max: 3.0/'")
    assert edit(sweep, "--yes")[0] == 0
    assert read(module_server, sweep)["config"] == CONFIG.replace("1.0", "3.0")
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("EDITOR", "sed -i s/loss/acc/")
    code, _, err = edit(sweep, "--yes")
    (kept,) = tmp_path.iterdir()
    assert code == 1 and "metric.name: cannot change" in err and "acc" in kept.read_text()
    assert f"The sweep is unchanged: correct {kept}, and send it with `litsweep edit local/p/{sweep}" in err
    monkeypatch.setenv("EDITOR", "false")
    assert "false ended with code 1: the sweep is unchanged" in edit(sweep, "--yes")[2]
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert (
        "EDITOR=no-such-editor: cannot be started (No such file or directory); correct it"
        in edit(sweep, "--yes")[2]
    )
    monkeypatch.setenv("VISUAL", "vi '")
    assert "VISUAL=vi ': cannot be started (No closing quotation); correct it" in edit(sweep, "--yes")[2]
    assert read(module_server, sweep)["version"] == 2


def test_what_is_wrong_is_one_message(edit: Edit, sweep: str, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    assert (
        f"cannot read {file} (No such file or directory); name"
        in edit(sweep, "--file", str(file), "--yes")[2]
    )
    file.write_text(CONFIG.replace("min: 0.1", "min: 5.0"))
    code, _, err = edit(sweep, "--file", str(file), "--yes")
    assert code == 1 and f"{file} has 1 fault:\n  parameters.lr" in err
    assert "there is no sweep nosuch" in edit("nosuch", "--file", str(file), "--yes")[2]


def test_a_run_of_an_earlier_version_is_repeated_with_its_former_parameters(
    module_server: LiveServer, edit: Edit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {key: value for key, value in TWO.items() if key != "metrics"} | {"program": "t.py"}
    name = module_server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]["name"]
    add_run(module_server, name, "early", 1, 0.5, 9.0, y=7)
    file = tmp_path / "new.yaml"
    file.write_text(
        yaml.dump({**config, "metric": {"name": "loss"}, "parameters": {"x": {"values": [1, 2]}}})
    )
    assert edit(name, "--file", str(file), "--yes")[0] == 0
    assert main(["best", name, "--data-dir", str(module_server.data_dir)]) == 0
    assert " t.py --x=1 --y=7\n" in capsys.readouterr().out
