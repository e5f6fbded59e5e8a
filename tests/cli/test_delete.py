"""`litsweep delete`, against a real server."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN, UPSERT_SWEEP

RANDOM = "{method: random, parameters: {x: {min: 0.0, max: 1.0}}}"
COUNTS = '{ project(name: "p", entityName: "local") { totalSweeps runCount(filters: "{}") } }'


def delete(server: LiveServer, env: dict[str, str], *args: str) -> tuple[int, str]:
    """Run the command with empty input. Return its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "litsweep", "delete", *args, "--data-dir", str(server.data_dir)],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def answered(server: LiveServer, env: dict[str, str], sweep: str, answer: str) -> tuple[int, str]:
    """Run the command in a terminal and answer its question."""
    ours, terminal = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "litsweep", "delete", sweep, "--data-dir", str(server.data_dir)],
        env=env, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(terminal)
    return done.returncode, done.stdout


@pytest.fixture
def env(client_env: dict[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in client_env.items() if name not in ("WANDB_BASE_URL", "WANDB_API_KEY")
    }


def counts(server: LiveServer) -> Any:
    found = server.graphql(COUNTS)["project"]
    return found and (found["totalSweeps"], found["runCount"])


def test_a_sweep_and_a_project_are_deleted_after_a_confirmation(
    server: LiveServer, env: dict[str, str], tmp_path: Path
) -> None:
    sweeps = [server.graphql(UPSERT_SWEEP, config=RANDOM)["upsertSweep"]["sweep"]["name"] for _ in range(3)]
    for i in range(4):
        server.graphql(
            UPSERT_RUN, name=f"r{i}", project="p", entity="local", config="{}", sweep=sweeps[i // 2]
        )
    code, said = delete(server, env, sweeps[0])
    what = f"sweep local/p/{sweeps[0]} (running) with 2 runs, their files and artifacts"
    assert (code, said) == (1, f"litsweep: this deletes {what}: add --yes to confirm it\n")
    code, said = answered(server, env, f"p/{sweeps[0]}", "n")
    assert code == 1 and "Nothing was deleted." in said and counts(server) == (3, 4)
    code, said = answered(server, env, f"local/p/{sweeps[0]}", "y")
    assert code == 0 and said.endswith(f"Deleted {what}\n") and counts(server) == (2, 2)
    assert delete(server, env, sweeps[2], "--yes")[0] == 0
    code, said = delete(server, env, sweeps[0], "--yes")
    assert (
        code == 1 and said.startswith(f"litsweep: there is no sweep {sweeps[0]}: ") and said.count("\n") == 1
    )
    code, said = delete(server, env, "local/p", "--yes")
    assert (code, said) == (0, "Deleted project local/p with 1 sweep, 2 runs, their files and artifacts\n")
    assert counts(server) is None
    server.stop()
    code, said = delete(server, env, "local/p", "--yes")
    assert code == 1 and said.startswith("litsweep: found no server") and said.count("\n") == 1
