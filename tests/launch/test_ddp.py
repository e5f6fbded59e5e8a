"""A trial on several devices: one run, one config, and all ranks die together."""

import os
import signal
from pathlib import Path

import pytest

from tests.launch.conftest import Bench, MakeBench
from tests.launch.processes import launched, runs_of, wait_until

AGENT = Path(__file__).parents[2] / "agent.py"
TWO_RANKS = {
    "data.dataset": "digits",
    "trainer.accelerator": "cpu",
    "trainer.devices": 2,
    "trainer.strategy": "ddp",
    "patience": 0,
}


def two_ranks(bench: MakeBench, epochs: int) -> Bench:
    values = TWO_RANKS | {"trainer.max_epochs": epochs}
    parameters = {name: {"value": value} for name, value in values.items()}
    metric = {"name": "val_acc", "goal": "maximize"}
    return bench(program=str(AGENT), method="grid", metric=metric, parameters=parameters, run_cap=1)


def ranks(made: Bench) -> list[int]:
    """Return the processes of the run's session that run agent.py."""
    leaders = runs_of(made)  # none while a dead run is being replaced
    return [pid for pid in made.left_over() if os.getsid(pid) in leaders and _is_rank(pid)]


def _is_rank(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"agent.py" in command or pid == os.getsid(pid)


@pytest.mark.slow
def test_two_ranks_are_one_run(bench: MakeBench) -> None:
    made = two_ranks(bench, epochs=1)
    outcome = made.launch(("GPU 0: a\nGPU 1: b\n").__str__, gpus="all", per_trial=2)
    assert [slot.devices for slot in outcome.slots] == [("0", "1")]
    assert (outcome.done, outcome.exit_code) == (1, 0)
    assert made.states() == {"finished": 1}
    assert made.left_over() == []


@pytest.mark.slow
def test_all_ranks_die_with_one_and_the_run_is_tried_again(bench: MakeBench) -> None:
    made = two_ranks(bench, epochs=100)
    with launched(made, "1"):
        wait_until(lambda: made.states()["running"] == 1 and runs_of(made) and len(ranks(made)) == 2)
        first = ranks(made)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: runs_of(made) and len(ranks(made)) == 2 and not set(first) & set(ranks(made)))
    wait_until(lambda: made.left_over() == [], seconds=10)
