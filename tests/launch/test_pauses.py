"""Freeze-thaw with real agents: a run is paused, and any agent resumes it."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.launch.conftest import Bench, MakeBench

AGENT = Path(__file__).parents[2] / "agent.py"
LENGTH = 6
RESUMING = f"""
import json, os, sys, time, wandb
from pathlib import Path
x = float(sys.argv[1].partition("=")[2])
state = Path(f"state-{{os.environ['WANDB_RUN_ID']}}.json")
first = json.loads(state.read_text()) if state.exists() else 0
with wandb.init(resume="allow") as run:
    for epoch in range(first, {LENGTH}):
        run.log({{"loss": (x - 0.3) ** 2 + 1 / (1 + epoch), "epoch": epoch}})
        state.write_text(json.dumps(epoch + 1))
        time.sleep(4)
"""
FREEZE = {"early_terminate": {"type": "freeze_thaw", "max_iter": LENGTH}}
HISTORY = """query History($e: String!, $p: String!, $r: String!) { project(name: $p, entityName: $e) {
  run(name: $r) { history(samples: 1000) } } }"""


def epochs(made: Bench, run: str, metric: str) -> list[int]:
    """Return the epochs of a run that have a value of the metric, in order."""
    path = made.api.path
    found = made.api._call(HISTORY, e=path.entity, p=path.project, r=run)["project"]["run"]["history"]
    return [row["epoch"] for row in map(json.loads, found) if metric in row]


def paused(made: Bench) -> int:
    return sum(run["state"] == "preempted" for run in made.runs())


def check(made: Bench, metric: str, length: int) -> None:
    """Every run has ended, one has all epochs, and no run has an epoch twice or a failure."""
    found = {run["name"]: epochs(made, run["name"], metric) for run in made.runs()}
    assert all(list(range(len(each))) == each for each in found.values()), found
    assert max(map(len, found.values())) == length and set(made.states()) == {"finished"}
    assert not any(run["summary"].get("failure") for run in made.runs())


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["warm", "stock"])
def test_a_program_that_the_server_interrupts_is_paused_and_goes_on(bench: MakeBench, agent: str) -> None:
    made = bench(RESUMING, method="bayes", run_cap=3, litsweep=FREEZE)
    done = made.launch(agent=agent, agents=2)
    assert all(slot.failed == 0 for slot in done.slots)
    check(made, "loss", LENGTH)


@pytest.mark.slow
def test_the_stock_agent_pauses_and_goes_on_though_the_server_is_killed(
    bench: MakeBench, server: Any, tmp_path: Path
) -> None:
    made = bench(RESUMING, method="bayes", run_cap=3, litsweep=FREEZE)
    start = [sys.executable, "-m", "wandb", "agent", made.sweep]
    agents = [subprocess.Popen(start, cwd=made.folder, env=made.environ) for _ in range(2)]
    killed = 0
    while any(agent.poll() is None for agent in agents):
        time.sleep(0.3)
        if paused(made) > killed and killed < 2:
            server.kill()
            server.start()
            killed += 1
    assert killed == 2
    check(made, "loss", LENGTH)


@pytest.mark.slow
def test_a_run_of_the_pipeline_pauses_itself_and_goes_on_from_its_checkpoint(bench: MakeBench) -> None:
    fixed = {"data.dataset": "digits", "trainer.max_epochs": LENGTH, "trainer.limit_train_batches": 4}
    parameters = {name: {"value": value} for name, value in fixed.items()}
    made = bench(
        program=str(AGENT),
        method="bayes",
        metric={"name": "val_acc", "goal": "maximize"},
        parameters={**parameters, "model.learning_rate": {"min": 0.001, "max": 0.01}},
        run_cap=3,
        litsweep={"early_terminate": {"type": "freeze_thaw"}},
    )
    made.launch()
    check(made, "val_acc", LENGTH)
    assert sum("test_acc" in run["summary"] for run in made.runs()) == 1
    starts = [run["summary"]["stop_reason"] for run in made.runs()]
    assert sorted(starts) == ["completed", "paused", "paused"]
