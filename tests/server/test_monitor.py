"""The monitor's thread: nothing that raises ends it, and no old reports end a sweep."""

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.cli import main
from litsweep.server import monitor, serve
from litsweep.server.backend import Backend
from litsweep.server.monitor import Monitor
from litsweep.server.settings import Settings
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import UPSERT_SWEEP
from tests.server.test_dispatch import GRID, Sweep


@pytest.mark.parametrize("flags", [[], ["--allowed-host", "a.example"]])
def test_it_works_with_the_settings_of_the_command(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []
    monkeypatch.setattr(serve, "serve", lambda settings, _: served.append(settings))
    assert main(["serve", "--data-dir", str(tmp_path), *flags]) == 0
    backend = Backend.open(served[0])
    Monitor(backend).run_once()
    backend.close()


def test_it_goes_on_after_any_error(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = threading.Semaphore(0)

    def fail(*_: object) -> None:
        rounds.release()
        raise RuntimeError("broken")

    monkeypatch.setattr(monitor, "end_lost", fail)
    monkeypatch.setattr(backend.searches, "take_reports", fail)
    monkeypatch.setattr(monitor, "MIN_PERIOD", 0.0)
    monkeypatch.setattr(monitor, "MAX_PERIOD", 0.0)
    thread = Monitor(backend)
    thread.start()
    assert all(rounds.acquire(timeout=10) for _ in range(6))
    thread.stop()
    assert caplog.text.count("and continues") == 2


def test_the_end_of_a_search_does_not_end_the_sweep_after_a_new_config(
    graphql: GraphQL, stream: Stream, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Sweep(graphql, stream, GRID)
    agent = grid.agent()
    for _ in range(4):
        grid.end(grid.start(agent))
    reports = backend.searches.take_reports()
    assert reports[int(grid.id)].done_because == "exhausted"
    parameters: Any = GRID["parameters"]
    larger = {**GRID, "parameters": {**parameters, "new": {"values": [1, 2]}}}
    graphql(UPSERT_SWEEP, id=grid.id, config=yaml.dump(larger))
    monkeypatch.setattr(backend.searches, "take_reports", lambda: reports)
    Monitor(backend).run_once()
    assert grid.read["state"] == "RUNNING"
    assert grid.beat(agent)[0]["type"] == "run"
