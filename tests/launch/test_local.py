"""Launching on this machine: real agents, real runs, a real server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from litsweep.launch.options import SlotState
from litsweep.sweep.run import Failure
from tests.launch.conftest import Bench, MakeBench

# Fails, kills itself or waits as the folder's files say.
MOODY = """
import os, signal, sys, time, wandb
from pathlib import Path
if Path("stubborn").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
slot = os.environ["LITSWEEP_SLOT"].rpartition(":")[2]
with wandb.init() as run:
    run.log({"loss": 1.0})
    if Path(f"fail-{slot}").exists():
        raise ValueError(f"bad luck on slot {slot}")
    if Path("import").exists():
        import no_such_module
    if Path("memory").exists():
        bytearray(1 << 62)
    while Path("wait").exists():
        time.sleep(0.05)
"""


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_every_run_sees_exactly_its_slot_s_device(bench: MakeBench) -> None:
    made = bench(run_cap=12)
    outcome = made.launch(lambda: "GPU 0: a\nGPU 1: b\n", gpus="all", per_gpu=2)
    assert (outcome.done, outcome.failed, outcome.exit_code) == (12, 0, 0)
    devices = [slot.devices for slot in outcome.slots]
    assert devices == [("0",), ("0",), ("1",), ("1",)]
    summaries = [run["summary"] for run in made.runs()]
    assert [(summary["device"],) for summary in summaries] == [devices[s["slot"]] for s in summaries]
    assert made.states() == {"finished": 12}
    assert made.left_over() == []


@pytest.mark.parametrize("agent", ["warm", pytest.param("stock", marks=pytest.mark.slow)])
def test_count_bounds_the_runs_of_all_slots(bench: MakeBench, agent: str) -> None:
    made = bench()
    outcome = made.launch(agents=2, count=3, agent=agent)
    assert (outcome.done, outcome.exit_code) == (3, 0)
    assert made.states() == {"finished": 3}
    assert made.left_over() == []


def test_a_slot_whose_runs_keep_failing_is_closed_and_the_other_goes_on(bench: MakeBench) -> None:
    made = bench(MOODY, run_cap=8)
    (made.folder / "fail-1").touch()
    outcome = made.launch(agents=2)
    good, bad = outcome.slots
    assert (good.state, bad.state, bad.failed) == (SlotState.DONE, SlotState.CLOSED, 3)
    assert "3 runs in a row failed" in bad.reason
    assert bad.reason.endswith("ValueError: bad luck on slot 1")
    assert outcome.exit_code == 3
    assert made.states() == {"finished": 5, "failed": 3}


def test_a_config_error_stops_the_launch_at_once(bench: MakeBench) -> None:
    made = bench(MOODY, run_cap=8)
    (made.folder / "import").touch()
    outcome = made.launch(agents=1)
    assert outcome.exit_code == 2
    assert outcome.error.endswith("ModuleNotFoundError: No module named 'no_such_module'")
    assert made.states()["failed"] == 1
    assert made.runs()[0]["summary"]["failure"] == Failure.CONFIG


def test_out_of_memory_is_told_to_the_server(bench: MakeBench) -> None:
    made = bench(MOODY, run_cap=8)
    (made.folder / "memory").touch()
    made.launch(agents=1, count=1)
    assert [run["summary"]["failure"] for run in made.runs()] == [Failure.OUT_OF_MEMORY]


def launched(made: Bench, *arguments: str) -> "subprocess.Popen[str]":
    """The launcher as a process of its own."""
    code = (
        "import sys; from litsweep.launch.local import *; "
        "print(launch(sys.argv[1], LaunchOptions(agents=int(sys.argv[2]))).exit_code)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, made.sweep, *arguments], env=made.environ, cwd=made.folder,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def agents_of(made: Bench) -> list[int]:
    """The agents' processes: those of the launch whose parent is the launcher."""
    return [pid for pid in made.left_over() if b"litsweep.launch.agent" in _cmdline(pid) and _leads(pid)]


def runs_of(made: Bench) -> list[int]:
    """The runs' processes: forked from an agent, in a session of their own."""
    agents = agents_of(made)
    return [pid for agent in agents for pid in _children(agent)]


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _leads(pid: int) -> bool:
    """Whether an agent proper: a forked run leads a session too, but its parent is an agent."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return b"litsweep.launch.agent" not in _cmdline(parent)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_agents_and_runs_are_made_up_for(bench: MakeBench) -> None:
    made = bench(MOODY, run_cap=8)
    wait = made.folder / "wait"
    wait.touch()
    launcher = launched(made, "4")
    wait_until(lambda: len(runs_of(made)) == 4 and made.states()["running"] == 4)
    first, *others = agents_of(made)
    os.kill(first, signal.SIGKILL)
    for agent in others[:2]:
        os.kill(_children(agent)[0], signal.SIGKILL)
    wait_until(lambda: made.states()["preempted"] == 3)
    wait.unlink()
    assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"finished": 8}
    starts = "".join(log.read_text() for log in made.folder.glob("logs/*/slot-*.log")).count(" started, pid ")
    assert starts == 8 + 3
    assert made.left_over() == []


def test_nothing_survives_a_killed_launcher(bench: MakeBench) -> None:
    made = bench(MOODY)
    (made.folder / "wait").touch()
    launcher = launched(made, "2")
    wait_until(lambda: len(runs_of(made)) == 2 and made.states()["running"] == 2)
    launcher.kill()
    launcher.communicate()
    wait_until(lambda: made.left_over() == [], seconds=5)


@pytest.mark.parametrize(
    ("presses", "state"), [(1, "finished"), (2, "preempted"), (3, "killed")], ids=["finish", "end", "kill"]
)
def test_ctrl_c(bench: MakeBench, presses: int, state: str) -> None:
    made = bench(MOODY)
    wait = made.folder / "wait"
    wait.touch()
    if presses == 3:
        (made.folder / "stubborn").touch()
    launcher = launched(made, "2")
    wait_until(lambda: len(runs_of(made)) == 2 and made.states()["running"] == 2)
    for _ in range(presses):
        launcher.send_signal(signal.SIGINT)
        time.sleep(0.3)
    if presses == 1:
        assert launcher.poll() is None
        wait.unlink()
    assert launcher.communicate(timeout=20)[0] == "130\n"
    assert made.states() == {state: 2}
    assert made.left_over() == []
