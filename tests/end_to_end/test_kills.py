"""A sweep of stock agents under `litsweep launch` while its server is killed (`kill -9`) again and again."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.compat.stock import create_sweep
from tests.conftest import client_environment
from tests.launch.processes import wait_until
from tests.live_server import LiveServer
from tests.server import postgres

RUNS, ROWS, KILLS, AGENTS = 20, 30, 20, 2
SWEEP = f"""
program: train.py
method: random
run_cap: {RUNS}
metric: {{name: loss, goal: minimize}}
parameters: {{x: {{min: 0.0, max: 1.0}}}}
"""
PROGRAM = f"""
import sys, time, wandb
x = float(sys.argv[1].partition("=")[2])
with wandb.init() as run:
    for i in range({ROWS}):
        run.log({{"i": i, "loss": x + i}})
        time.sleep(0.1)
"""
RESULT = """query ($sweep: String!) { project(name: "p", entityName: "local") { sweep(sweepName: $sweep) {
    state runs(first: 100) { edges { node { name state summaryMetrics history } } } } } }"""

Kill = Callable[[random.Random], None]
Processes = Sequence[LiveServer | postgres.Postgres]


@pytest.fixture(params=["sqlite", "postgresql"])
def server_and_kill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[LiveServer, Kill]]:
    """A running server, and a function that kills it, its database, or both, and starts them again."""
    with ExitStack() as stack:
        database = None
        if request.param == "postgresql":
            if (programs := postgres.programs()) is None:
                pytest.skip("PostgreSQL is not installed")
            database = stack.enter_context(postgres.started(programs))
        server = LiveServer(tmp_path / "server", database.url if database else "")
        server.start()
        stack.callback(server.stop)
        groups: list[Processes] = [[server], [database], [server, database]] if database else [[server]]
        yield server, partial(kill_some, groups)


def kill_some(groups: Sequence[Processes], chance: random.Random) -> None:
    """Kill the processes of one of the groups, wait a moment and start them again."""
    killed = chance.choice(groups)
    for process in killed:
        process.kill()
    time.sleep(chance.uniform(0, 2))
    for process in reversed(killed):
        process.start()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_survives_twenty_kills(server_and_kill: tuple[LiveServer, Kill], tmp_path: Path) -> None:
    server, kill = server_and_kill
    env = client_environment(server, tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM)
    sweep = create_sweep(SWEEP, env, tmp_path)
    chance = random.Random(21)
    command = ["launch", sweep, "--gpus", "none", "--agents", str(AGENTS), "--agent", "stock"]
    with (tmp_path / "launch.log").open("w") as log, subprocess.Popen(
        [sys.executable, "-m", "litsweep", *command], env=env, cwd=tmp_path, stdout=log, stderr=log
    ) as launch:  # fmt: skip
        try:
            wait_until(lambda: len(list(tmp_path.glob("logs/*/slot-*.log"))) == AGENTS)
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.5, 7))
                kill(chance)
                assert launch.poll() is None, (tmp_path / "launch.log").read_text()
            exit_code = launch.wait(timeout=400)
        finally:
            launch.kill()
    said = (tmp_path / "launch.log").read_text()
    assert exit_code == 0 and "was closed" not in said, said
    check(server, sweep)


def check(server: LiveServer, sweep: str) -> None:
    """Assert that the sweep is complete: each run is finished and has each of its rows once."""
    found = server.graphql(RESULT, sweep=sweep.rpartition("/")[2])["project"]["sweep"]
    runs = [edge["node"] for edge in found["runs"]["edges"]]
    assert found["state"] == "FINISHED"
    assert [run["state"] for run in runs] == ["finished"] * RUNS
    rows = {run["name"]: [json.loads(row)["i"] for row in run["history"]] for run in runs}
    assert rows == {run: list(range(ROWS)) for run in rows}
    assert all(json.loads(run["summaryMetrics"]).get("attempts", 1) == 1 for run in runs)
