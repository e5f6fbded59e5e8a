"""A forked run has the same process state as a new process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from litsweep.launch.devices import cpu_count
from litsweep.launch.process import path_of_runs
from tests.launch.conftest import Bench, MakeBench

PROBE = Path(__file__).with_name("probe.py")

# What may differ, and why. docs/launch.md says so too.
DIFFERENT = {
    "modules": "the fork server's own modules are loaded",
    "stack": "the fork server's frames are below the program's",
    "frozen objects": "the garbage collector leaves alone what was there before the fork",
    "leads a session": "a session is how a run is ended with all that it started",
}
WANDB_GIVES = ("WANDB_SWEEP_ID", "WANDB_ENTITY", "WANDB_PROJECT")
COMMAND = ["${env}", "${interpreter}", "${program}", "--fixed"]
SAME_RANDOM = {"hash": "strings hash as in the fork server; a hash cannot change while there are objects"}


def probes(made: Bench) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(made.folder.glob("probe-*.json"))]


def as_new_process(made: Bench, run: dict[str, Any]) -> dict[str, Any]:
    """Return what the probe finds as a new process."""
    given = {name: run["environ"][name] for name in ("LITSWEEP_SLOT", "LITSWEEP_FAILURE_FILE", *WANDB_GIVES)}
    cpus = str(cpu_count())
    slot = {"CUDA_VISIBLE_DEVICES": "", "MKL_NUM_THREADS": cpus, "OPENBLAS_NUM_THREADS": cpus}
    environ = {**slot, **os.environ, **made.environ, **given, "WANDB_RUN_ID": "new"}
    environ.pop("WANDB_SERVICE", None)  # of a client that this process has used
    environ["WANDB_SWEEP_PARAM_PATH"] = run["environ"]["WANDB_SWEEP_PARAM_PATH"]
    environ["PATH"] = path_of_runs(environ)
    argv = ["/usr/bin/env", sys.executable, "train.py", "--fixed"]
    log = made.folder / "new.log"
    with log.open("ab") as output:
        subprocess.run(
            argv, cwd=made.folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            process_group=0, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads((made.folder / "probe-new.json").read_text())
    return found


def test_a_run_finds_what_a_new_process_finds(bench: MakeBench) -> None:
    made = bench(PROBE.read_text(), command=COMMAND, run_cap=3)
    assert made.launch(agents=1).done == 3
    runs = probes(made)
    new = as_new_process(made, runs[0])
    numbers = [found.pop("random") for found in (*runs, new)]
    for name in numbers[0]:
        different = {str(found[name]) for found in numbers}
        assert len(different) == (2 if name in SAME_RANDOM else 4), name
    for found in (*runs, new):
        for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
            del found["environ"][name]
    for run in runs:
        different_items = {name: (run[name], new[name]) for name in new if run[name] != new[name]}
        assert different_items.keys() == DIFFERENT.keys(), different_items


def installed(made: Bench, name: str, source: str) -> None:
    site = made.folder / "site-packages"
    site.mkdir()
    (site / f"{name}.py").write_text(source)
    made.environ["PYTHONPATH"] = str(site)


NAMED = "import os\nRUN = os.environ.get('WANDB_RUN_ID')"
SAYS_NAME = """
import named, os, wandb
with wandb.init() as run:
    run.log({"loss": 1.0, "name": named.RUN, "slot": os.environ["LITSWEEP_SLOT"].rpartition(":")[2]})
"""


def test_a_run_that_cannot_be_forked_is_a_new_process(bench: MakeBench) -> None:
    made = bench(SAYS_NAME, run_cap=2)
    installed(made, "named", NAMED)
    assert made.launch(agents=1).done == 2
    assert all(run["summary"]["name"] == run["name"] for run in made.runs())
    (log,) = made.logs()
    assert log.read_text().count("runs start as new processes: importing the program reads WANDB_RUN_ID") == 1


COUNTED = "from pathlib import Path\nwith Path('imports').open('a') as file: file.write('x')"
SAYS_PARENT = """
import counted, os, wandb
with wandb.init() as run:
    run.log({"loss": 1.0, "parent": os.getppid(), "slot": os.environ["LITSWEEP_SLOT"]})
"""


def test_the_runs_of_all_slots_are_forks_of_one_process(bench: MakeBench) -> None:
    made = bench(SAYS_PARENT, run_cap=4)
    installed(made, "counted", COUNTED)
    assert made.launch(agents=2).done == 4
    summaries = [run["summary"] for run in made.runs()]
    assert len({summary["parent"] for summary in summaries}) == 1
    assert len({summary["slot"] for summary in summaries}) == 2
    assert (made.folder / "imports").read_text() == "x"


def test_an_import_that_reads_the_devices_reads_those_of_its_slot(bench: MakeBench) -> None:
    made = bench(SAYS_NAME, run_cap=4)
    installed(made, "named", "import os\nRUN = os.environ.get('CUDA_VISIBLE_DEVICES')")
    outcome = made.launch(("GPU 0: a\nGPU 1: b\n").__str__, gpus="all")
    assert outcome.done == 4
    assert all(run["summary"]["name"] == run["summary"]["slot"] for run in made.runs())
    assert "importing the program reads CUDA_VISIBLE_DEVICES" in min(made.logs()).read_text()
