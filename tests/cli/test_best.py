"""The command that repeats a run is one that works at this prompt."""

import sys
from pathlib import Path

import pytest

from litsweep.launch.result import command_line
from litsweep.sweep.config import parse_sweep

CONFIG = parse_sweep(
    {
        "method": "random",
        "program": "agent.py",
        "parameters": {"x": {"values": [1]}, "y": {"values": ["a b"]}},
    }
)


def repeat() -> str:
    return command_line(CONFIG, {"x": 1, "y": "a b"})


def test_python_where_that_is_this_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable).with_name("python")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(python.parent))
    assert repeat() == "python agent.py --x=1 '--y=a b'"


def test_its_path_where_the_environment_is_not_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert repeat().startswith(f"{tmp_path}/.venv/bin/python agent.py")
    monkeypatch.chdir(tmp_path)
    assert repeat().startswith(".venv/bin/python agent.py")
