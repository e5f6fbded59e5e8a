"""`--per-gpu auto` end to end: a pretended GPU that says its memory through a real `nvidia-smi` program.

The runs are real ones of a real server. They take memory and do work as the folder `gpu` says.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from litsweep.errors import LitsweepError
from litsweep.launch import shared_gpus, sharing
from litsweep.launch.devices import Memory, mps_note, read_memory
from litsweep.launch.failure import RunEnd
from litsweep.launch.notes import add_note, last_notes, place_of_notes
from litsweep.launch.options import SlotState
from litsweep.launch.shared_gpus import SharedGpus
from litsweep.launch.sharing import FEWEST_ENDED, Choice, Measurement, Row
from litsweep.sweep import progress
from litsweep.sweep.contract import ExitCode, Failure, Variable
from litsweep.sweep.progress import ProgressReport, reported_progress
from tests.launch.conftest import Bench, MakeBench

LISTED = "GPU 0: Pretended (UUID: GPU-aaaa1111-0000)\n"
NVIDIA_SMI = """#!/bin/sh
[ "$1" = -L ] && { echo 'GPU 0: Pretended (UUID: GPU-aaaa1111-0000)'; exit; }
[ -e {folder}/broken ] && { echo 'No devices were found'; exit 9; }
used=$((1000 + 9000 * $(ls {folder}/gpu | wc -l)))
echo "0, GPU-aaaa1111-0000, $used, 80000"
"""
# Makes 20 steps per second, whatever else runs, and ends a second after the search for the best number.
# Where the file `fits` has a number, no more runs fit. Each run saves its step, and goes on with it.
PROGRAM = """
import os, sys, time, torch, wandb
from pathlib import Path
run_id = os.environ["WANDB_RUN_ID"]
saved, mine = Path(f"saved-{run_id}"), Path("gpu", run_id)
mine.touch()
try:
    with wandb.init(resume="allow") as run:
        first = int(saved.read_text()) if saved.exists() else 0
        for step in range(first, 2000):
            run.log({"loss": 1.0, "beside": len(os.listdir("gpu"))}, step=step)
            saved.write_text(str(step + 1))
            fits = int(Path("fits").read_text()) if Path("fits").exists() else 99
            if len(os.listdir("gpu")) > fits:
                Path("broke").open("a").write(f"{run_id} {step}\\n")
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            if step > first + 20 and any("stays" in n.read_text() for n in Path("logs").rglob("notes.txt")):
                break
            time.sleep(0.05)
        run.summary["first"] = first
        run.summary["notes"] = os.environ["LITSWEEP_NOTES"]
finally:
    mine.unlink()
"""


def pretend(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a GPU into the folder, and measure fast."""
    (made.folder / "gpu").mkdir()
    tools = made.folder / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text(NVIDIA_SMI.replace("{folder}", str(made.folder)))
    (tools / "nvidia-smi").chmod(0o755)
    made.environ["PATH"] = f"{tools}{os.pathsep}{made.environ['PATH']}"
    monkeypatch.setenv("PATH", made.environ["PATH"])
    monkeypatch.setattr(sharing, "WINDOW_SECONDS", 1.0)
    monkeypatch.setattr(sharing, "INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(shared_gpus, "MEASURE_SECONDS", 0.25)


@pytest.mark.parametrize(
    ("fits", "runs", "agent"),
    [
        (1, 2, "warm"),
        pytest.param(3, 5, "warm", marks=pytest.mark.slow),
        pytest.param(1, 2, "stock", marks=pytest.mark.slow),
    ],
)
def test_slots_are_added_until_the_memory_ends_and_no_run_fails(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    fits: int, runs: int, agent: str,
) -> None:  # fmt: skip
    made = bench(PROGRAM, run_cap=runs)
    pretend(made, monkeypatch)
    (made.folder / "fits").write_text(str(fits))
    outcome = made.launch(lambda: LISTED, gpus="all", per_gpu="auto", agent=agent)
    assert (outcome.exit_code, outcome.failed, outcome.done) == (0, 0, runs)
    assert made.states() == {"finished": runs} and made.left_over() == []
    broken = dict(line.split() for line in (made.folder / "broke").read_text().splitlines())
    summaries = {run["name"]: run["summary"] for run in made.runs()}
    assert {run: summaries[run]["first"] for run in broken} == {run: int(n) + 1 for run, n in broken.items()}
    assert [name for name, summary in summaries.items() if "failure" in summary] == []
    said = "\n".join(record.getMessage() for record in caplog.records)
    for run in broken:
        assert f"GPU 0: run {run} was out of memory among {fits + 1}; it is tried again among fewer" in said
    assert "GPU 0: tries 2 runs at a time: 1 run took 8.8 of 78.1 GiB" in said
    (mps, gpu) = last_notes(made.folder / "logs" / made.api.path.id / "notes.txt")
    assert {run["summary"]["notes"] for run in made.runs()} == {
        f"0:{made.folder}/logs/{made.api.path.id}/notes.txt"
    }
    assert "--per-gpu auto: runs use each GPU by turns: CUDA MPS" in mps
    expected = f"{fits + 1} runs at a time ran out of memory"
    assert re.search(rf"GPU 0: stays at {fits} runs? at a time: .*{expected}$", gpu)


@pytest.mark.slow
def test_a_run_that_is_out_of_memory_alone_fails(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bench(PROGRAM, run_cap=1)
    pretend(made, monkeypatch)
    (made.folder / "fits").write_text("0")
    outcome = made.launch(lambda: LISTED, gpus="all", per_gpu="auto")
    assert (outcome.failed, len(outcome.slots)) == (1, 1)
    assert [(run["state"], run["summary"]["failure"]) for run in made.runs()] == [("failed", "out_of_memory")]


@dataclass
class Agent:
    """What the admission sees of an agent."""

    devices: tuple[str, ...]
    run: str | None = None
    state: SlotState = SlotState.RUNNING
    is_busy: bool = True
    progress_file: Path = Path("missing")

    @property
    def is_open(self) -> bool:
        return self.state is SlotState.RUNNING


def three_gpus(groups: Sequence[Sequence[str]]) -> list[Memory]:
    """The last one has more memory."""
    return [Memory(1.0, 24.0), Memory(1.0, 24.0), Memory(1.0, 80.0)]


class Shared:
    """The three GPUs, with two runs at work on each."""

    def __init__(self, folder: Path) -> None:
        names = [("0",), ("1",), ("2",)]
        api = None
        self.admission = SharedGpus(names, three_gpus, api, folder / "notes.txt")  # type: ignore[arg-type]
        self.agents: list[Any] = []
        for number, name in enumerate(names * 2):
            if number > 2:
                self.admission._gpus[name].choice = Choice(4, "")
            assert self.admission.opens(Agent(name))  # type: ignore[arg-type]
            self.agents.append(Agent(name, f"run-{number}"))
            self.admission.add(self.agents[-1])
        self.admission.observe()

    def end(self, number: int, failure: Failure | None) -> RunEnd:
        agent = self.agents[number]
        end, agent.run, agent.is_busy = RunEnd(str(agent.run), 1, failure), None, False
        return self.admission.run_ended(agent, end)

    def admits(self, number: int) -> bool:
        return self.admission.admits(self.agents[number])


def test_out_of_memory_beside_another_run_counts_as_a_preemption(tmp_path: Path) -> None:
    """The GPU gets fewer slots, and so do those without more memory, where the run may be tried again."""
    shared = Shared(tmp_path)
    end = shared.end(0, Failure.OUT_OF_MEMORY)
    assert (end.exit_code, end.is_preempted) == (ExitCode.PREEMPTED, True)
    assert not shared.admits(0)  # run-3 is at work there
    shared.end(1, None)
    assert not shared.admits(1)
    shared.end(2, None)
    assert shared.admits(2)
    shared.end(3, Failure.OUT_OF_MEMORY)  # it had a neighbour when the memory ended
    assert shared.admits(0)
    shared.agents[0].run, shared.agents[0].is_busy = "run-0", True
    assert not shared.admits(3)
    assert [line[20:] for line in last_notes(tmp_path / "notes.txt")] == [
        "GPU 0: tries 1 run at a time: measures 1 run",
        "GPU 1: tries 1 run at a time: measures 1 run",
    ]


@pytest.mark.parametrize("failure", [Failure.ERROR, Failure.LOST, Failure.DIVERGED, None])
def test_other_ends_change_nothing(tmp_path: Path, failure: Failure | None) -> None:
    shared = Shared(tmp_path)
    assert shared.end(0, failure) == RunEnd("run-0", 1, failure)
    assert shared.admits(0)


def test_runs_that_nobody_has_observed_yet_count_as_neighbours(tmp_path: Path) -> None:
    """All of them run out of memory in the moment in which the last one has begun."""
    shared = Shared(tmp_path)
    gpu = shared.admission._gpus[("2",)]
    for name in ("run-6", "run-7"):
        shared.agents.append(Agent(("2",), name))
        shared.admission.add(shared.agents[-1])
    for number in (2, 5):
        shared.end(number, Failure.OUT_OF_MEMORY)
    assert gpu.limits.ceiling == 3


def test_out_of_memory_alone_is_the_run_s_own_failure(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    shared.end(0, None)
    shared.agents[0].run = "alone"
    shared.agents[3].run = None
    shared.admission.observe()
    assert not shared.end(0, Failure.OUT_OF_MEMORY).is_preempted
    assert shared.admits(0)


def test_what_a_run_reports_itself_is_measured_instead_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its steps are others than those of its rows. A report from before the run does not count."""
    monkeypatch.setenv(Variable.PROGRESS_FILE, str(tmp_path / "slot-0.progress"))
    ProgressReport().step()
    gpu = Shared(tmp_path).admission._gpus["0",]
    agent: Any = gpu.agents[0]
    agent.progress_file = tmp_path / "slot-0.progress"
    last = {"run-0": Row(5, time.time() + 1)}
    assert gpu._last_of_each(last) == last
    report = ProgressReport()
    for _ in range(100):
        report.step()
    assert [row.step for row in gpu._last_of_each(last).values()] == [1] and "run-0" not in gpu._last_of_each(
        last
    )
    agent.progress_file.write_text("12")  # in the middle of writing
    assert gpu._last_of_each(last) == last


def test_a_report_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has opened the file before the next report sees the last one, not an empty file."""
    monkeypatch.setenv(Variable.PROGRESS_FILE, str(tmp_path / "slot-0.progress"))
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)
    report = ProgressReport()
    report.step()
    with (tmp_path / "slot-0.progress").open() as reader:
        report.step()
        assert reader.read().startswith("1 ")
    assert [file.name for file in tmp_path.iterdir()] == ["slot-0.progress"]


def test_slots_that_have_ended_are_not_replaced(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    for agent in shared.agents:
        agent.is_busy = False
    shared.agents[0].state = shared.agents[3].state = SlotState.DONE
    assert shared.admission.may_admit_later(shared.agents[3])  # two of four are left
    shared.admission._gpus["0",].choice = Choice(2, "")
    assert not shared.admission.may_admit_later(shared.agents[3])
    assert not shared.admission.opens(Agent(("0",)))  # type: ignore[arg-type]


def test_the_agent_of_the_last_slot_counts(tmp_path: Path) -> None:
    """Once all places of a GPU are slots, the supervisor asks for no other place."""
    shared = Shared(tmp_path)
    gpu = shared.admission._gpus["0",]
    gpu.choice = Choice(3, "")
    assert shared.admission.opens(Agent(("0",)))  # type: ignore[arg-type]
    shared.admission.add(Agent(("0",), "last"))  # type: ignore[arg-type]
    assert gpu.runs == ["run-0", "run-3", "last"]
    assert not shared.admission.admits(shared.agents[0])


def test_the_memory_of_runs_without_rows_is_measured(tmp_path: Path) -> None:
    """They are compared by their durations. Without the memory any number of them would seem to fit."""
    gpu = Shared(tmp_path).admission._gpus["0",]
    gpu.agents.pop()
    gpu.choice = Choice(1, "")
    gpu.measure(["earlier"], Memory(23.0, 24.0), {})  # it ended while the memory was read
    gpu.measure(["run-0"], Memory(15.0, 24.0), {})
    for _ in range(FEWEST_ENDED):
        gpu._measured[1].durations.append(2.0)
    gpu.measure(["run-0"], Memory(1.0, 24.0), {})
    assert gpu.choice == Choice(
        1, "the memory does not suffice for more: 1 run took 14.0 of 24.0 GiB", is_final=True
    )


def test_a_number_that_stays_is_final_after_a_lack_of_memory(tmp_path: Path) -> None:
    gpu = Shared(tmp_path).admission._gpus["0",]
    gpu._measured |= {slots: Measurement(slots, paces={"a": 1.0, "b": 1.0}) for slots in (1, 2)}
    gpu._choose()
    assert gpu.choice.slots == 4 and not gpu.choice.is_final
    gpu.stay("a slot was closed")
    gpu.lower(4)
    assert gpu.choice.slots == 3 and gpu.choice.is_final


def tool(folder: Path, name: str, script: str) -> dict[str, str]:
    """Write a program. Return the environment in which only it and the shell's are found."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_the_memory_of_gpus_by_number_and_uuid(tmp_path: Path) -> None:
    lines = "echo '0, GPU-aaaa-1, 1024, 81920'; echo '1, GPU-bbbb-2, 40960, 81920'"
    environ = tool(tmp_path, "nvidia-smi", lines)
    wanted = [("0",), ("GPU-bb",), ("0", "1")]
    assert read_memory(wanted, environ) == [Memory(1.0, 80.0), Memory(40.0, 80.0), Memory(40.0, 80.0)]
    with pytest.raises(LitsweepError, match="does not list the memory of GPU 7"):
        read_memory([("7",)], environ)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '0, GPU-aaaa, [N/A], [N/A]'", r"nvidia-smi does not know the memory of GPU 0: \[N/A\]"),
        ("echo 'No devices were found'; exit 6", "nvidia-smi failed: No devices were found"),
        ("", "does not list the memory of GPU 0"),
    ],
)
def test_an_unknown_memory_is_said(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(LitsweepError, match=said):
        read_memory([("0",)], tool(tmp_path, "nvidia-smi", script))
    with pytest.raises(LitsweepError, match="nvidia-smi is not on PATH"):
        read_memory([("0",)], {"PATH": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("read order; [ $order = get_server_list ]", "share each GPU under CUDA MPS"),
        ("echo 'Cannot find MPS control daemon process'; exit 1", "`nvidia-cuda-mps-control -d` starts it"),
    ],
)
def test_mps_is_used_where_its_daemon_answers(tmp_path: Path, script: str, said: str) -> None:
    assert said in mps_note(tool(tmp_path, "nvidia-cuda-mps-control", script))
    assert "is not on PATH" in mps_note({"PATH": str(tmp_path / "none")})


def test_the_last_note_of_each_subject_is_shown(tmp_path: Path) -> None:
    for subject, what in [("GPU 0", "a: b"), ("GPU 1", "c"), ("GPU 0", "d: e")]:
        add_note(tmp_path / "notes.txt", subject, what)
    assert [line[20:] for line in last_notes(tmp_path / "notes.txt")] == ["GPU 0: d: e", "GPU 1: c"]
    assert last_notes(tmp_path / "missing.txt") == []


def test_the_command_line(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--per-gpu auto` needs a GPU and its memory. `litsweep status` shows what a living launch chose."""
    made = bench("print('never started')")
    pretend(made, monkeypatch)
    notes = made.folder / "logs" / made.api.path.id / "notes.txt"
    notes.parent.mkdir(parents=True)
    add_note(notes, "GPU 7", "stays at 2 runs at a time")  # of an earlier launch
    named = place_of_notes(notes)
    add_note(notes, "GPU 0", "stays at 4 runs at a time")

    def litsweep(*args: str, **environ: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "litsweep", *args], env=made.environ | environ, cwd="/",
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    auto = ("launch", made.sweep, "--per-gpu", "auto")
    code, said = litsweep(*auto, PATH="/usr/bin:/bin")
    assert code != 0 and said.count("\n") == 1
    assert (
        "--per-gpu auto needs GPUs, and this machine has none: leave it out; --gpus none --agents N" in said
    )
    (made.folder / "broken").touch()
    code, said = litsweep(*auto)
    assert code != 0 and "--per-gpu auto: nvidia-smi failed: No devices were found; write a number" in said
    with subprocess.Popen(["cat"], env=made.environ | named, stdin=subprocess.PIPE):
        said = litsweep("status", made.sweep)[1]
    assert "GPU 0: stays at 4 runs at a time\n" in said and "GPU 7" not in said
    assert "stays at" not in litsweep("status", made.sweep)[1]  # it has ended


# A model of a user that takes too much memory in its third epoch, if another run is there.
CROWDED = """
import os, torch
from pathlib import Path
from litsweep.pipeline.classifier import ImageClassifier

class Crowded(ImageClassifier):
    def on_train_epoch_start(self):
        mine = Path("gpu", os.environ["WANDB_RUN_ID"])
        mine.touch()
        Path("begun").open("a").write(f"{mine.name} {self.current_epoch}\\n")
        if self.current_epoch >= 3 and len(os.listdir("gpu")) > 1:
            mine.unlink()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    def on_fit_end(self):
        Path("gpu", os.environ["WANDB_RUN_ID"]).unlink()
"""


@pytest.mark.slow
def test_a_run_of_the_pipeline_goes_on_from_its_checkpoint(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = {"data.dataset": "digits", "model.width": 4, "trainer.max_epochs": 150, "patience": 0}
    command = ["${env}", "${interpreter}", "${program}", "--model", "crowded.Crowded", "${args}"]
    made = bench(
        program=str(Path(__file__).parents[2] / "agent.py"),
        method="grid",
        metric={"name": "val_acc", "goal": "maximize"},
        parameters={k: {"value": v} for k, v in fixed.items()} | {"seed": {"values": [1, 2]}},
        command=command,
    )
    pretend(made, monkeypatch)
    (made.folder / "crowded.py").write_text(CROWDED)
    outcome = made.launch(lambda: LISTED, gpus="all", per_gpu="auto")
    assert (outcome.exit_code, outcome.failed, outcome.done) == (0, 0, 2)
    begun = [line.split() for line in (made.folder / "begun").read_text().splitlines()]
    assert {run for run, _ in begun} == {run["name"] for run in made.runs()}
    again = [run for run, epoch in begun if begun.count([run, epoch]) > 1]
    assert again and [line for line in begun if line[1] == "0"] == [[run, "0"] for run in dict(begun)]
    assert {run["summary"].get("failure") for run in made.runs()} == {None}
    reports = [reported_progress(file) for file in made.folder.glob("logs/*/*.progress")]
    assert reports and all(report and report[0] > 1 for report in reports)
