"""Checkpoints of a sweep: the best few stay, and no run starts on a full disk."""

import shutil
import signal
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import wandb

from litsweep import parse_sweep
from litsweep.launch.checkpoints import clean, kept_runs
from litsweep.launch.disk import disk_shortage
from litsweep.launch.options import SlotState
from litsweep.launch.result import result_of
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.launch.watch import SweepWatch
from litsweep.sweep.contract import RunState
from tests.launch.conftest import MakeBench
from tests.launch.processes import launched, wait_until

AGENT = Path(__file__).parents[2] / "agent.py"

KEEPS_A_FILE = """
import os, sys, wandb
from pathlib import Path
with wandb.init() as run:
    folder = Path("checkpoints", os.environ["WANDB_SWEEP_ID"], run.id)
    folder.mkdir(parents=True)
    (folder / "best.ckpt").write_bytes(bytes(1000))
    run.log({"loss": run.config["x"]})
"""


def test_a_launch_leaves_the_checkpoints_of_the_best_three(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(KEEPS_A_FILE, run_cap=6)
    assert made.launch(agents=1).exit_code == 0
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.setenv(name, made.environ[name])
    status = SweepWatch(made.sweep).read()
    best = sorted(status.runs, key=lambda run: run.best or 0.0)[:3]
    folder = made.folder / "checkpoints" / made.api.path.id
    assert {entry.name for entry in folder.iterdir()} == {run.id for run in best}

    (folder / "somebody-else-s").mkdir()
    held = {run.id for run in best[1:]}
    assert clean(status, folder, keep=1, held=held) == []
    assert clean(status, folder, keep=1) == [run.id for run in status.runs if run in best[1:]]
    assert {entry.name for entry in folder.iterdir()} == {best[0].id, "somebody-else-s"}


def status_of(state: str, *runs: tuple[str, RunState, Mapping[str, float]]) -> SweepStatus:
    """Return the status of a sweep for the highest `acc` and the lowest `ms`."""
    metrics = [{"name": "acc", "goal": "maximize"}, {"name": "ms"}]
    config = parse_sweep(
        {"method": "bayes", "metrics": metrics, "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    )
    read = (RunStatus(i, i, "", run, {}, {}, values["acc"], values["acc"], values) for i, run, values in runs)
    return SweepStatus("me/p/s", "", state, config, tuple(read))


def test_failed_runs_push_no_good_one_out() -> None:
    failed, finished = RunState.FAILED, RunState.FINISHED
    status = status_of(
        "RUNNING",
        ("diverged", failed, {"acc": 0.99}),
        ("best", finished, {"acc": 0.9}),
        ("crashing", failed, {"acc": 0.98}),
        ("worse", finished, {"acc": 0.8}),
    )
    assert kept_runs(status, 1) == {"best"}
    assert kept_runs(status, 3) == {"best", "worse", "diverged"}


def test_the_whole_front_stays() -> None:
    runs = [(f"r{i}", RunState.FINISHED, {"acc": i / 10, "ms": float(i)}) for i in range(6)]
    status = status_of("FINISHED", *runs, ("behind", RunState.FINISHED, {"acc": 0.4, "ms": 9.0}))
    assert kept_runs(status, 2) == {f"r{i}" for i in range(6)}


@pytest.mark.parametrize(("state", "kept"), [("RUNNING", {"good", "crashed"}), ("FINISHED", {"good"})])
def test_what_a_crashed_run_left_stays_until_the_sweep_is_over(state: str, kept: set[str]) -> None:
    runs = [("good", RunState.FINISHED, {"acc": 0.9}), ("crashed", RunState.CRASHED, {"acc": 0.5})]
    assert kept_runs(status_of(state, *runs), 1) == kept


@pytest.mark.slow
def test_with_log_model_the_best_run_s_checkpoint_is_an_artifact_that_a_lost_folder_does_not_touch(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep is launched, ended by SIGTERM in the second run, loses its folder, and is launched again."""
    fixed = {
        "data.dataset": "digits",
        "model.width": 4,
        "trainer.max_epochs": 40,
        "patience": 0,
        "log_model": True,
    }
    parameters: dict[str, Any] = {name: {"value": value} for name, value in fixed.items()}
    parameters["model.learning_rate"] = {"values": [1e-6, 1e-2, 1e-7]}
    metric = {"name": "val_acc", "goal": "maximize"}
    made = bench(program=str(AGENT), method="grid", metric=metric, parameters=parameters)
    folder = made.folder / "checkpoints" / made.api.path.id
    with launched(made, "1") as launcher:
        wait_until(lambda: len(list(folder.glob("*/last.ckpt"))) == 2, seconds=120)
        launcher.send_signal(signal.SIGTERM)
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"finished": 1, "preempted": 1}
    shutil.rmtree(folder)
    assert made.launch(agents=1).exit_code == 0
    assert made.states() == {"finished": 3}
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.setenv(name, made.environ[name])
    best = SweepWatch(made.sweep).read().best()
    assert best is not None
    versions = list(wandb.Api().artifacts("model", f"local/p/model-{made.api.path.id}"))
    assert "best" in versions[0].aliases
    assert versions[0].metadata["run"] == best.id
    assert len(versions) == 2
    shown = result_of(SweepWatch(made.sweep).read()).best
    assert shown is not None
    assert shown.artifact == versions[0].qualified_name
    rows = wandb.Api().run(f"local/p/{best.id}").scan_history()
    assert [row["epoch"] for row in rows if row.get("val_acc") is not None] == list(range(40))


def disk_with(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e12, 0, free))


def test_each_slot_s_next_checkpoints_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with (run / "best.ckpt").open("wb") as file:
        file.truncate(10**9)
    disk_with(monkeypatch, free=9e9)
    assert disk_shortage(tmp_path, slots=4, min_free_gb=1.0) is None
    disk_with(monkeypatch, free=8.9e9)
    reason = str(disk_shortage(tmp_path, slots=4, min_free_gb=1.0))
    assert "has 8.9 GB free, and 9.0 GB are needed" in reason
    assert "--min-free-gb" in reason


def test_a_launch_on_a_full_disk_starts_no_run_and_says_why(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()
    disk_with(monkeypatch, free=1e6)
    outcome = made.launch(agents=1)
    assert outcome.exit_code == 3
    assert outcome.slots[0].state is SlotState.CLOSED
    assert "make room" in outcome.slots[0].reason
    assert made.runs() == []
