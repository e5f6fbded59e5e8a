"""Launching on this machine: real agents, real runs, a real server."""

import os
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from litsweep.errors import LitsweepError
from litsweep.launch import starter
from litsweep.launch.options import SlotState
from litsweep.sweep.contract import Failure
from tests.launch.conftest import Bench, MakeBench
from tests.launch.processes import cmdline, fork_servers_of, launched, runs_of, wait_until
from tests.live_server import LiveServer

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
    assert (good.last_error, bad.last_error) == ("", "ValueError: bad luck on slot 1")
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


def starts(made: Bench) -> int:
    """Return how many attempts of all runs were started."""
    return "".join(log.read_text() for log in made.logs()).count(" started, pid ")


def test_killed_fork_servers_and_runs_are_made_up_for(bench: MakeBench) -> None:
    made = bench(MOODY, run_cap=8)
    wait = made.folder / "wait"
    wait.touch()
    with launched(made, "4") as launcher:
        wait_until(lambda: len(runs_of(made)) == 4 and made.states()["running"] == 4)
        (server,) = fork_servers_of(made)
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: len(runs_of(made)) == 4 and starts(made) == 4 + 4)
        for run in runs_of(made)[:2]:
            os.kill(run, signal.SIGKILL)
        wait_until(lambda: starts(made) == 4 + 4 + 2)
        wait.unlink()
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"finished": 8}
    assert starts(made) == 8 + 4 + 2
    assert made.left_over() == []


def test_a_launch_takes_up_what_a_killed_one_left_behind(bench: MakeBench, server: LiveServer) -> None:
    made = bench(MOODY, run_cap=2)
    (made.folder / "wait").touch()
    with launched(made, "2") as launcher:
        wait_until(lambda: made.states()["running"] == 2)
        launcher.kill()
    wait_until(lambda: not made.left_over())
    with closing(sqlite3.connect(server.data_dir / "litsweep.db")) as database, database:
        # What the server makes of it after five minutes.
        database.execute("UPDATE runs SET state = 'crashed', failure = 'lost'")
        database.execute("UPDATE sweeps SET state = 'FINISHED', done_because = 'run_cap'")
    before = {run["name"] for run in made.runs()}
    (made.folder / "wait").unlink()
    outcome = made.launch(agents=1)
    assert (outcome.done, outcome.exit_code) == (2, 0)
    assert made.states() == {"finished": 2}
    assert {run["name"] for run in made.runs()} == before


def test_a_folder_that_cannot_be_written_to_is_a_person_s_mistake(bench: MakeBench) -> None:
    made = bench()
    (made.folder / "logs").touch()
    with pytest.raises(LitsweepError, match=r"cannot make the logs' folder logs/.*; work in a folder that"):
        made.launch(agents=1)


DIES_AT_FIRST = """
import os, signal, sys
from pathlib import Path
from litsweep.launch import fork_server
class Server(fork_server.ForkServer):
    def _start(self, **request):
        if not Path("died").exists():
            Path("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super()._start(**request)
fork_server.ForkServer = Server
fork_server.main()
"""


def test_a_fork_server_that_dies_before_it_starts_a_run_takes_none_off_the_count(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()
    (made.folder / "dies_at_first.py").write_text(DIES_AT_FIRST)
    monkeypatch.setattr(starter, "MODULE", "dies_at_first")
    assert made.launch(agents=1, count=1).done == 1
    assert made.states() == {"finished": 1}
    said = "the code at train.py:3 may change what later imports do, so each run makes these imports itself"
    assert said in made.logs()[0].read_text()


def test_slots_close_if_the_fork_server_keeps_dying_without_a_run(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()
    (made.folder / "dies.py").write_text("import sys\nsys.exit('broken')")
    monkeypatch.setattr(starter, "MODULE", "dies")
    monkeypatch.setattr(starter, "FIRST_RESTART_SECONDS", 0.01)
    outcome = made.launch(agents=2)
    assert [slot.state for slot in outcome.slots] == [SlotState.CLOSED] * 2
    assert "died 6 times without a run" in outcome.slots[1].reason
    assert outcome.slots[1].reason.endswith("broken")
    assert (made.runs(), made.left_over()) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("victim", [b"litsweep.launch.fork_server", b"wandb\0agent"])
def test_the_run_of_a_stock_agent_that_dies_is_tried_again(bench: MakeBench, victim: bytes) -> None:
    made = bench(MOODY)
    wait = made.folder / "wait"
    wait.touch()
    with launched(made, "1", agent="stock", count=1) as launcher:
        wait_until(lambda: any("Running runs: ['" in log.read_text() for log in made.logs()))
        time.sleep(1)  # until the agent has read that
        (pid,) = [pid for pid in made.left_over() if victim in cmdline(pid)]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: made.states()["running"] == 0)
        wait.unlink()
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"finished": 1}
    assert made.left_over() == []


def test_nothing_survives_a_killed_launcher(bench: MakeBench) -> None:
    made = bench(MOODY)
    (made.folder / "wait").touch()
    with launched(made, "2") as launcher:
        wait_until(lambda: len(runs_of(made)) == 2 and made.states()["running"] == 2)
        launcher.kill()
        launcher.communicate()
        wait_until(lambda: made.left_over() == [], seconds=5)


@pytest.mark.parametrize(
    ("presses", "state", "exit_code"),
    [(1, "finished", 0), (2, "preempted", 0), (3, "preempted", 130)],
    ids=["finish", "end", "kill"],
)
def test_ctrl_c(bench: MakeBench, presses: int, state: str, exit_code: int) -> None:
    made = bench(MOODY, run_cap=2)
    wait = made.folder / "wait"
    wait.touch()
    if presses == 3:
        (made.folder / "stubborn").touch()
    with launched(made, "2") as launcher:
        wait_until(lambda: len(runs_of(made)) == 2 and made.states()["running"] == 2)
        for _ in range(presses):
            launcher.send_signal(signal.SIGINT)
            time.sleep(0.3)
        if presses == 1:
            assert launcher.poll() is None
            wait.unlink()
        shown, said = launcher.communicate(timeout=20)
    assert shown == f"{exit_code}\n"
    assert ("since their last checkpoint is lost; the next launch" in said) == (presses == 3), said
    assert made.states() == {state: 2}
    assert made.left_over() == []
    if presses > 1:  # nothing is lost: the next launch goes on with them
        wait.unlink()
        (made.folder / "stubborn").unlink(missing_ok=True)
        assert made.launch(agents=2).exit_code == 0
        assert made.states() == {"finished": 2}


@pytest.mark.parametrize("agent", ["warm", pytest.param("stock", marks=pytest.mark.slow)])
def test_programs_that_start_no_run_close_the_slot(bench: MakeBench, agent: str) -> None:
    """Their runs are not repeated, and the slot closes after three of them."""
    made = bench("print('worked')")
    outcome = made.launch(gpus="none", agent=agent)
    (slot,) = outcome.closed
    assert "it has to call wandb.init" in slot.reason and "worked" in slot.reason
    found = [(run["state"], run["summary"]["failure"]) for run in made.runs()]
    assert found == [("finished", "unreported")] * 3 and not made.left_over()


def test_an_outage_of_the_server_loses_no_agent_and_no_run(bench: MakeBench, server: LiveServer) -> None:
    """Meanwhile a run dies, and then the fork server with the other one."""
    made = bench(MOODY, run_cap=3)
    wait = made.folder / "wait"
    wait.touch()
    with launched(made, "2", count=3) as launcher:
        wait_until(lambda: len(runs_of(made)) == 2 and made.states()["running"] == 2)
        before = {run["name"] for run in made.runs()}
        (fork_server,) = fork_servers_of(made)
        run, _ = runs_of(made)
        server.kill()
        os.kill(run, signal.SIGKILL)
        wait_until(lambda: fork_server in fork_servers_of(made) and run not in runs_of(made))
        os.kill(fork_server, signal.SIGKILL)
        wait_until(lambda: sum(log.read_text().count("trying again") for log in made.logs()) >= 2)
        server.start()
        wait.unlink()
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"finished": 3}
    assert {run["name"] for run in made.runs()} > before
    assert starts(made) == 3 + 2
    assert made.left_over() == []


@pytest.mark.slow
def test_a_stock_agent_that_starts_during_an_outage_is_started_again(
    bench: MakeBench, server: LiveServer
) -> None:
    made = bench(run_cap=2)
    with launched(made, "1", agent="stock") as launcher:
        wait_until(lambda: [pid for pid in made.left_over() if b"wandb\0agent" in cmdline(pid)])
        server.kill()  # the agent has just started, and needs a second before it asks the server
        wait_until(lambda: "before it had a run; starting another" in made.logs()[0].read_text(), 120)
        server.start()
        assert launcher.communicate(timeout=120)[0] == "0\n"
    assert made.states() == {"finished": 2}


@pytest.mark.slow
def test_ctrl_c_twice_ends_the_run_of_a_stock_agent(bench: MakeBench) -> None:
    """A plain script that dies of SIGTERM reports nothing. Its run does not stay `running`."""
    made = bench(MOODY, run_cap=2)
    (made.folder / "wait").touch()
    with launched(made, "1", agent="stock") as launcher:
        wait_until(lambda: made.states()["running"] == 1)
        for _ in range(2):
            launcher.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert launcher.communicate(timeout=40)[0] == "0\n"
    assert made.states() == {"preempted": 1}
    assert made.left_over() == []
    (made.folder / "wait").unlink()
    assert made.launch(agents=2).exit_code == 0
    assert made.states() == {"finished": 2}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [b"litsweep.launch.fork_server", b"wandb\0agent", b"train.py"])
def test_the_death_of_a_young_stock_agent_or_its_program_is_reported_at_once(
    bench: MakeBench, victim: bytes
) -> None:
    """Before the agent's log names the run, five seconds after its start."""
    made = bench(MOODY, run_cap=1)
    (made.folder / "wait").touch()
    with launched(made, "1", agent="stock") as launcher:
        wait_until(lambda: made.states()["running"] == 1)
        (first,) = made.runs()
        time.sleep(1)  # until the agent has seen the process
        pids = [pid for pid in made.left_over() if victim in cmdline(pid)]
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: made.states()["running"] == 0, seconds=25)
        (made.folder / "wait").unlink()
        assert launcher.communicate(timeout=60)[0] == "0\n"
    (run,) = made.runs()
    assert (run["name"], run["state"]) == (first["name"], "finished")
