"""agent.py as a process: its help, and one run on two processes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINE = ["--data=tests.pipeline.own.Line", "--monitor=val_error", "--mode=min"]
TWO_PROCESSES = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]


def agent(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "agent.py"), *argv],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WANDB_SILENT": "true"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


HELP = """
import atexit, gc, runpy, sys
atexit.register(lambda: print(gc.get_stats()[2]["collections"], gc.isenabled(), gc.get_threshold()[0] > 0))
sys.argv = [sys.argv[1], "--help"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_help_lists_every_parameter_with_type_and_default() -> None:
    command = [sys.executable, "-c", HELP, str(ROOT / "agent.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0
    help_text, _, collections = done.stdout.strip().rpartition("\n")
    assert collections == "0 True True"  # full garbage collections during the imports; it is on again
    text = re.sub(r"\s+", " ", help_text)
    for expected in (
        "with a schedule, its highest value. (type: float, default: 0.001)",
        "--data.batch_size BATCH_SIZE images per batch and per device. (type: int, default: 128)",
        "--trainer.max_epochs MAX_EPOCHS",
        "--trainer.precision PRECISION",
        "--seed SEED",
    ):
        assert expected in text


def test_two_processes_make_one_run_with_one_config(tmp_path: Path) -> None:
    done = agent(
        "--model=tests.pipeline.own.Witness",
        *LINE,
        *TWO_PROCESSES,
        "--model.slope=2.5",
        "--trainer.max_epochs=2",
        "--wandb=offline",
    )
    assert done.returncode == 0, done.stderr
    assert "test_error" in done.stdout
    assert done.stdout.count("checkpoint") == 2  # the key and the folder: one result, rank 0's
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 1
    seen = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    assert seen == [{"slope": 2.5, "world": 2}] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "exit_code", "failure"),
    [("Diverging", 1, "diverged"), ("Interrupted", 143, "signal"), ("Broken", 1, "error")],
)
def test_two_processes_end_together(model: str, exit_code: int, failure: str, tmp_path: Path) -> None:
    own = [f"--model=tests.pipeline.own.{model}", *LINE, *TWO_PROCESSES, "--trainer.max_epochs=50"]
    done = agent(*own)
    assert done.returncode == exit_code, done.stderr
    assert re.search(rf"failure +{failure}", done.stdout)
