"""`litsweep scheduler`: two files with the whole sweep, or a message that says why not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.cli import main
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.parse.method import Method

SWEEP: dict[str, Any] = {
    "program": "train.py",
    "name": "mine",
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize", "target": 0.1, "impute": "latest"},
    "run_cap": 7,
    "command": ["${env}", "python", "${program}", "${args}"],
    "early_terminate": {"type": "hyperband", "min_iter": 3},
    "parameters": {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a", "b"]}},
    "litsweep": {"seed": 3, "conditions": {"x": {"kind": "a"}}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    (tmp_path / "sweeps").mkdir()
    return tmp_path


def write(config: dict[str, Any]) -> str:
    Path("sweeps/s.yaml").write_text(yaml.safe_dump(config))
    return "sweeps/s.yaml"


def refusal(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["scheduler", write(config)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert not list(Path("sweeps").glob("*_scheduler*"))
    return err


def test_nothing_of_the_sweep_is_lost() -> None:
    assert main(["scheduler", write(SWEEP)]) == 0
    before, after = parse_sweep(SWEEP), parse_sweep(Path("sweeps/s_scheduler.yaml").read_text())
    assert after.method is Method.CUSTOM
    assert after.scheduler == {
        "engine": "optuna",
        "source": "sweeps/s_scheduler.py",
        "optimizer": "study",
        "search_space": "search_space",
    }
    for field in ("space", "metrics", "early_terminate", "seed", "run_cap", "program", "command", "name"):
        assert getattr(after, field) == getattr(before, field)
    assert after.raw["metric"] == before.raw["metric"]
    assert "early_terminate" not in after.raw


def test_the_next_commands_are_printed(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["scheduler", str(folder / write(SWEEP))]) == 0
    out = capsys.readouterr().out
    assert "wandb sweep sweeps/s_scheduler.yaml" in out
    assert "wandb sweep-scheduler" in out
    assert "wandb agent" in out


def test_it_writes_its_own_files_anew_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scheduler", write(SWEEP)]) == 0
    assert main(["scheduler", write({**SWEEP, "run_cap": 9})]) == 0
    assert parse_sweep(Path("sweeps/s_scheduler.yaml").read_text()).run_cap == 9
    Path("sweeps/s_scheduler.py").write_text("print('mine')")
    assert main(["scheduler", write(SWEEP)]) == 1
    assert "move it out of the way" in capsys.readouterr().err
    assert Path("sweeps/s_scheduler.py").read_text() == "print('mine')"
    assert parse_sweep(Path("sweeps/s_scheduler.yaml").read_text()).run_cap == 9  # both or neither
    Path("sweeps/s_scheduler.py").unlink()
    Path("sweeps/s_scheduler.py").mkdir()
    assert main(["scheduler", write(SWEEP)]) == 1
    assert "sweeps/s_scheduler.py: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "random", "early_terminate": None}, "method: must be bayes, got random"),
        (
            {"litsweep": {"early_terminate": {"type": "freeze_thaw", "max_iter": 9}}},
            "litsweep.early_terminate.type: is freeze_thaw; a scheduler does not resume paused runs",
        ),
        (
            {"method": "custom", "early_terminate": None, "scheduler": {"engine": "optuna"}},
            "scheduler: is present already",
        ),
        (
            {"parameters": {"model": {"parameters": {"lr": {"min": 0.0, "max": 1.0}}}}, "litsweep": None},
            "parameters.model.lr: is nested, which W&B's scheduler does not support; write `model.lr:`",
        ),
        (
            {"parameters": {"x": {"values": [False, 0]}}, "litsweep": None},
            "parameters.x: Optuna does not distinguish False and 0; write one of them as text",
        ),
        (
            {"metric": None, "metrics": [{"name": "a"}, {"name": "b"}]},
            "early_terminate: cannot stop runs of several metrics",
        ),
    ],
)
def test_a_sweep_that_cannot_be_translated_is_refused(
    change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {key: value for key, value in {**SWEEP, **change}.items() if value is not None}
    assert said in refusal(config, capsys)


def test_what_the_scheduler_cannot_read_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    section = {"constraints": {"latency": "<= 20"}, "cost": "duration"}
    said = refusal({**SWEEP, "litsweep": section}, capsys)
    for key in section:
        assert f"litsweep.{key}: needs more results than W&B's scheduler reads" in said
