"""`litsweep run` from start to end: its output and its result."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SWEEP = """
program: train.py
project: odd name é
entity: Team X
method: random
metric: {name: loss, goal: minimize}
run_cap: 2
parameters:
  x: {min: 0.0, max: 1.0}
"""
LOGS = """
import sys, wandb
x = float(sys.argv[1].partition("=")[2])
with wandb.init() as run:
    run.log({"%s": x})
"""


def run_sweep(
    folder: Path, environ: dict[str, str], program: str, *flags: str
) -> "subprocess.CompletedProcess[str]":
    """Execute `litsweep run` in `folder`, on a server of its own."""
    (folder / "train.py").write_text(program)
    (folder / "sweep.yaml").write_text(SWEEP)
    own = {name: value for name, value in environ.items() if not name.startswith("WANDB_BASE")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "litsweep", "run", "sweep.yaml", "--agent", "warm", "--port", "0"),
            *("--data-dir", str(folder / "data"), "--json", "result.json", *flags),
        ],
        cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return inherited | {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path), "WANDB_CONSOLE": "off"}


def test_a_sweep_in_a_project_with_an_odd_name(tmp_path: Path, environ: dict[str, str]) -> None:
    done = run_sweep(tmp_path, environ, LOGS % "loss")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Sweep Team X/odd name é/\w+ \(finished\): 2 finished$", done.stdout, re.MULTILINE)
    assert re.search(r"^2/2 done · 0 running · 0 failed · best loss", done.stderr, re.MULTILINE)
    assert f"litsweep serve --data-dir {tmp_path / 'data'}" in done.stderr
    assert "`litsweep open 'Team X/odd name é/" in done.stderr and "http://" not in done.stdout
    assert "not finished" not in done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["is_over"]
    assert "/Team%20X/odd%20name%20%C3%A9/sweeps/" in result["url"]


def test_a_program_that_crashes_says_why_and_where_its_log_is(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    done = run_sweep(tmp_path, environ, "import no_such_module")
    assert done.returncode == 2
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
    log = re.search(r"^Log: (\S+)$", done.stderr, re.MULTILINE)
    assert log is not None
    assert "no_such_module" in (tmp_path / log[1]).read_text()
    assert re.search(
        r"^1 run failed: `litsweep retry .* --failed` runs its config again$", done.stderr, re.MULTILINE
    )
    assert "The sweep is not finished. Continue it with: litsweep launch 'Team X/" in done.stderr


def test_a_metric_that_no_run_logged(tmp_path: Path, environ: dict[str, str]) -> None:
    done = run_sweep(tmp_path, environ, LOGS % "los")
    assert done.returncode == 1
    assert "No best run: no run logged loss; the runs logged los" in done.stdout
    assert json.loads((tmp_path / "result.json").read_text())["best"] is None


@pytest.mark.parametrize("value", ["nan", "-inf"])
def test_a_metric_that_was_never_a_finite_number(tmp_path: Path, environ: dict[str, str], value: str) -> None:
    program = (LOGS % "loss").replace("x})", f"float('{value}'), 'other': 1.0}})")
    done = run_sweep(tmp_path, environ, program)
    assert done.returncode == 1
    assert "No best run: no run logged a finite loss, only NaN or infinity." in done.stdout
    assert json.loads((tmp_path / "result.json").read_text())["logged"] == ["loss", "other"]
