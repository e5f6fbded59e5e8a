"""`litsweep launch`: refused options, and its last messages."""

import dataclasses
import io
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from litsweep.cli import main
from litsweep.cli.launch import show_preempted
from litsweep.cli.progress import MetricCheck, SummaryLine
from litsweep.launch.devices import unused_agents
from litsweep.launch.result import SweepResult
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import RunState
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_SWEEP

RESULT = SweepResult(
    "me/p/abcd1234", "", "RUNNING", "loss", "minimize", {"preempted": 2}, None, (), False, {}, ()
)


def test_the_command_that_resumes_preempted_runs_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_preempted(RESULT)
    said = "2 runs preempted: `litsweep launch me/p/abcd1234` resumes them\n"
    assert capsys.readouterr().err == said
    show_preempted(dataclasses.replace(RESULT, runs={"preempted": 1}))
    assert capsys.readouterr().err == "1 run preempted: `litsweep launch me/p/abcd1234` resumes it\n"
    show_preempted(dataclasses.replace(RESULT, runs={"finished": 2}))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["launch", "confirm"])
def test_agents_are_not_counted_on_the_gpus_of_this_machine(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the user names no GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(SystemExit, match="2"):
        main([command, "me/p/abcd1234", "--agents", "3"])
    assert "--per-gpu how many agents share one; --gpus none uses the CPU" in capsys.readouterr().err
    assert unused_agents(Namespace(agents=3, gpus="none")) is None
    assert unused_agents(Namespace(agents=None, gpus=None)) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert unused_agents(Namespace(agents=3, gpus=None)) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--time", "1:00:00"], "--time is for --on slurm, this launch is --on local"),
        (["--on", "slurm", "--per-gpu", "2"], "--per-gpu is for --on local, this launch is --on slurm"),
        (["--on", "ray", "--per-gpu", "auto"], "--per-gpu is for --on local, this launch is --on ray"),
        (["--per-gpu", "many"], "--per-gpu: 'many' is neither auto nor a whole number above 0"),
        (["--per-gpu", "0"], "--per-gpu: '0' is neither auto nor a whole number above 0"),
        (["--on", "ray", "--sbatch=--account=lab"], "--sbatch is for --on slurm, this launch is --on ray"),
        (["--gpus-per-agent", "1"], "--gpus-per-agent is for --on slurm and ray"),
        (["--on", "slurm", "--gpus-per-agent", "0.5"], "Slurm gives whole GPUs"),
        (
            ["--gpus", "0,1", "--agents", "3"],
            "--agents 3: has no effect on this machine's GPUs; --gpus says which",
        ),
        (["--gpus", "all", "--agents", "1"], "--agents 1: has no effect on this machine's GPUs"),
    ],
)
def test_an_option_without_effect_is_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["launch", "me/p/abcd1234", *options])
    assert said in capsys.readouterr().err


CONFIG = {
    "program": "train.py",
    "method": "random",
    "run_cap": 2,
    "metric": {"name": "val_acc", "goal": "maximize"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}
TRAIN = """
import wandb
with wandb.init() as run:
    run.log({"val_accuracy": 0.5, "val_loss": 1.0})
"""


def launch(sweep: str, folder: Path, environ: dict[str, str], *flags: str) -> tuple[int, str]:
    """Return the exit code and the output of `litsweep launch` without a GPU and a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "litsweep", "launch", sweep, *flags],
        env=environ | {"PATH": str(Path(sys.executable).parent)}, cwd=folder,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_launch_by_id_on_a_machine_without_a_gpu(
    server: LiveServer, client_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    sweep = server.graphql(UPSERT_SWEEP, config=yaml.dump(CONFIG))["upsertSweep"]["sweep"]["name"]
    status, said = launch(sweep, tmp_path, client_env, "--gpus", "0,1")
    assert status == 1 and "--gpus: must name GPUs of this machine, got 0,1; it has none" in said
    status, said = launch(sweep, tmp_path, client_env)
    assert status == 0
    assert said.startswith("No GPU found: one agent on the CPU")
    missing = re.search(
        r"^warning: run \w+ finished without logging val_acc; it logged: val_accuracy, val_loss; "
        "correct metric.name", said, re.MULTILINE,
    )  # fmt: skip
    end = re.search(r"^2/2 done · 0 running · 0 failed · all runs have ended$", said, re.MULTILINE)
    assert missing and end and missing.start() < end.start()
    assert "0/2 done" in said[: missing.start()]


def status_of(*runs: RunStatus) -> SweepStatus:
    return SweepStatus("me/p/abcd1234", "", "RUNNING", parse_sweep(CONFIG), runs)


def a_run(state: str, summary: dict[str, object], best: float | None = None, **more: bool) -> RunStatus:
    objectives = {} if best is None else {"val_acc": best}
    return RunStatus("run1", "run-1", "", RunState(state), {}, summary, best, best, objectives, **more)


def test_a_missing_metric_of_a_finished_run_is_reported_once() -> None:
    said = io.StringIO()
    check = MetricCheck(Console(file=said, width=200))
    check.warn(status_of(a_run("running", {"loss": 1}), a_run("failed", {}), a_run("killed", {"loss": 1})))
    check.warn(status_of(a_run("finished", {"loss": 1}, stopped_early=True)))
    check.warn(status_of(a_run("finished", {"loss": 1}), a_run("running", {"val_acc": 0.1}, 0.1)))
    assert said.getvalue() == ""
    for _ in range(2):
        check.warn(status_of(a_run("finished", {"loss": 1}), a_run("running", {})))
    assert said.getvalue().count("run run1 finished without logging val_acc; it logged: loss") == 1
    nan = io.StringIO()
    MetricCheck(Console(file=nan, width=200)).warn(status_of(a_run("finished", {"val_acc": "NaN"})))
    assert nan.getvalue() == "warning: run run1 finished without a finite val_acc\n"


def test_the_line_counts_runs_by_the_words_for_their_state() -> None:
    runs = [
        a_run(state, {}) for state in ("finished", "running", "crashed", "killed", "pending", "preempted")
    ]
    line = SummaryLine(None).text(status_of(*runs, a_run("finished", {}, stopped_early=True)))
    words = (
        "4/7 done (1 finished, 1 stopped early, 1 crashed, 1 killed) · 1 running · 0 failed · 1 preempted · "
        "1 pending"
    )
    assert line.startswith(f"{words} · ")
    line = SummaryLine(None).text(status_of(a_run("failed", {}), a_run("finished", {}), a_run("running", {})))
    assert line.startswith("2/3 done (1 finished, 1 failed) · 1 running · ")
