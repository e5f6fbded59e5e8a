"""Warnings are about this machine. Notes about W&B's cloud are listed separately."""

import json
from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.cli.check import show_warnings
from litsweep.sweep.config import parse_sweep

SWEEP = """
program: train.py
method: grid
metrics: [{name: a}, {name: b}]
litsweep: {seed: 3}
parameters: {x: {distribution: q_uniform, min: 0, max: 1, q: 0.25}}
"""
HERE = "parameters.x: a grid over q_uniform leaves out max=1, as in W&B"


def test_check_tells_apart_what_matters_on_the_cloud_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").touch()
    Path("sweep.yaml").write_text(SWEEP)
    assert main(["check", "sweep.yaml", "--json", "out.json"]) == 0
    out, err = capsys.readouterr()
    assert err == f"warning: {HERE}\n"
    notes = out.partition("On W&B's cloud only:\n")[2].splitlines()
    assert [note.split(":")[0] for note in notes] == ["  litsweep", "  metrics"]
    written = json.loads(Path("out.json").read_text())
    assert written["warnings"] == [HERE] and len(written["cloud_notes"]) == 2


def test_a_local_run_prints_no_note_about_the_cloud(capsys: pytest.CaptureFixture[str]) -> None:
    config = parse_sweep(SWEEP)
    show_warnings(config.local_warnings)
    assert capsys.readouterr().err == f"warning: {HERE}\n"
    assert config.local_warnings == (HERE,)
    assert len(config.warnings) == 3
