"""`litsweep delete`, against a real server."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from litsweep.cli import main
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN, UPSERT_SWEEP

RANDOM = "{method: random, parameters: {x: {min: 0.0, max: 1.0}}}"
COUNTS = '{ project(name: "p", entityName: "local") { totalSweeps runCount(filters: "{}") } }'

Delete = Callable[..., tuple[int, str]]


@pytest.fixture
def delete(server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Delete:
    """Run the command, with an answer to its question or without a terminal. Return code and output."""
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)

    def run(*args: str, answer: str | None = None) -> tuple[int, str]:
        monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
        monkeypatch.setattr("builtins.input", lambda question: print(question, end="") or answer)
        code = main(["delete", *args, "--data-dir", str(server.data_dir)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def counts(server: LiveServer) -> Any:
    found = server.graphql(COUNTS)["project"]
    return found and (found["totalSweeps"], found["runCount"])


def test_a_sweep_and_a_project_are_deleted_after_a_confirmation(server: LiveServer, delete: Delete) -> None:
    sweeps = [server.graphql(UPSERT_SWEEP, config=RANDOM)["upsertSweep"]["sweep"]["name"] for _ in range(3)]
    for i in range(4):
        sweep = sweeps[i // 2]
        server.graphql(UPSERT_RUN, name=f"r{i}", project="p", entity="local", config="{}", sweep=sweep)
    what = f"sweep local/p/{sweeps[0]} (running) with 2 runs, their files and artifacts"
    assert delete(sweeps[0]) == (1, f"litsweep: this deletes {what}: add --yes to confirm it\n")
    question = f"Delete {what}? This cannot be undone. [y/N] "
    assert delete(f"p/{sweeps[0]}", answer="n") == (1, f"{question}Nothing was deleted.\n")
    assert counts(server) == (3, 4)
    assert delete(f"local/p/{sweeps[0]}", answer="y") == (0, f"{question}Deleted {what}\n")
    assert counts(server) == (2, 2)
    assert delete(sweeps[2], "--yes")[0] == 0
    code, said = delete(sweeps[0], "--yes")
    assert (
        code == 1
        and said.startswith(f"litsweep: there is no sweep {sweeps[0]} on ")
        and said.count("\n") == 1
    )
    deleted = "Deleted project local/p with 1 sweep, 2 runs, their files and artifacts\n"
    assert delete("local/p", "--yes") == (0, deleted)
    assert counts(server) is None
    code, said = delete("local/p", "--yes")
    assert code == 1 and "there is no sweep or project local/p" in said and said.count("\n") == 1
    server.stop()
    code, said = delete("local/p", "--yes")
    assert code == 1 and "does not answer" in said and said.count("\n") == 1
