"""A signed-in client, and sweeps with runs in several states."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from starlette.testclient import TestClient

from litsweep.server.app import create_app
from litsweep.server.backend import Backend
from litsweep.server.history_keys import updated
from litsweep.server.settings import Settings
from litsweep.server.store import blobs, files, lines, projects, runs, sweeps
from litsweep.server.store.lines import Line

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
EVIL_ESCAPED = "&lt;img src=x onerror="
SWEEP = """
method: random
metric: {name: val_acc, goal: maximize}
run_cap: 10
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  optimizer: {values: [adam, sgd]}
  epochs: {value: 3}
"""


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client with a session."""
    with TestClient(create_app(Settings(tmp_path / "data"))) as client:
        keyring = backend_of(client).keyring
        client.cookies.set(keyring.cookie, keyring.session())
        yield client


@pytest.fixture
def sweep(http: TestClient) -> str:
    """Return the path of a sweep in local/p with a good, a diverged, a stopped and a running run."""
    with backend_of(http).database.write() as connection:
        return fill(connection, backend_of(http))


def backend_of(client: TestClient) -> Backend:
    backend = client.app.state.backend  # type: ignore[attr-defined]
    assert isinstance(backend, Backend)
    return backend


def fill(connection: Connection, backend: Backend) -> str:
    project = projects.ensure(connection, "local", "p")
    made = sweeps.add(
        connection, project.id, config=SWEEP, display_name=f"sweep {EVIL}", expected_runs=10, best_loss=0.9
    )
    for name, curve, more in (
        ("good", [0.5, 0.9, 0.8], {"state": "finished", "exitcode": 0}),
        ("diverged", [0.4, "NaN"], {"state": "failed", "failure": "diverged", "exitcode": 1}),
        ("cut", [0.2], {"state": "finished", "stopped_by": "search", "stop_reason": '{"rule": "hyperband"}'}),
        ("going", [0.3, 0.6], {"state": "running"}),
    ):
        add_run(connection, project.id, made.id, name, curve, more)
    run = runs.find(connection, project.id, "good")
    assert run is not None
    key = files.declare(connection, run.id, "media/images/a b_3_0f.png", "0" * 32)
    written = backend.blobs.put(key, b"\x89PNG")
    blobs.mark_stored(connection, key, written.size, written.md5)
    lines.put(connection, run.id, lines.LOG, [Line(i, f"line {i} {EVIL}") for i in range(1500)])
    runs.change(connection, run.id, log_lines=1500)
    return f"/local/p/sweeps/{made.name}"


TWO_METRICS = """
method: bayes
metrics: [{name: val_acc, goal: maximize}, {name: latency_ms, goal: minimize}]
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
"""
PREDICTED = {
    "val_acc": {"predicted_mean": 0.8, "predicted_deviation": 0.1, "expected_improvement": 0.1},
    "latency_ms": {"predicted_mean": 5.5, "predicted_deviation": 2, "expected_improvement": 0.2},
}
NEAREST = {"run": "accurate", "distance": 0.5, "differs": {"lr": [0.1, 0.01]}}
WHY = {"method": "bayes", "predicted": PREDICTED, "nearest": NEAREST, "runs_used": 3, "front": 2}


def fill_two_metrics(connection: Connection) -> str:
    """Return the path of a sweep of two metrics; two of its runs are on the front."""
    project = projects.ensure(connection, "local", "two")
    made = sweeps.add(connection, project.id, config=TWO_METRICS, display_name="two", best_loss=0.9)
    why = {"state": "finished", "reason": json.dumps(WHY)}
    for name, curve, more in (
        ("accurate", [{"val_acc": 0.5}, {"val_acc": 0.9}, {"latency_ms": 8}], why),
        ("fast", [{"val_acc": 0.6, "latency_ms": 2}], why),
        ("behind", [{"val_acc": 0.5, "latency_ms": 3}], why),
        ("broken", [{"val_acc": 0.95, "latency_ms": 1}], {"state": "failed"}),
        ("half", [{"val_acc": 0.7}], {"state": "running"}),
    ):
        add_run(connection, project.id, made.id, name, curve, more)
    return f"/local/two/sweeps/{made.name}"


GRID = """
method: grid
metric: {name: val_acc, goal: maximize}
parameters:
  lr: {values: [0.01, 0.1]}
  optimizer: {values: [adam, sgd]}
  epochs: {value: 3}
"""


def fill_grid(connection: Connection) -> str:
    """Return the path of a grid of four points: one is done, one failed, one runs, and one is open."""
    project = projects.ensure(connection, "local", "grid")
    made = sweeps.add(connection, project.id, config=GRID, display_name="grid")
    for name, lr, optimizer, more in (
        ("best", 0.01, "adam", {"state": "finished"}),
        ("lost", 0.01, "sgd", {"state": "failed", "failure": "error"}),
        ("going", 0.1, "adam", {"state": "running"}),
    ):
        parameters = json.dumps({"lr": lr, "optimizer": optimizer, "epochs": 3})
        add_run(connection, project.id, made.id, name, [0.5], {**more, "parameters": parameters})
    return f"/local/grid/sweeps/{made.name}"


def add_run(
    connection: Connection,
    project_id: int,
    sweep_id: int | None,
    name: str,
    curve: list[Any],
    more: dict[str, Any],
) -> None:
    parameters = {"lr": 0.01, "optimizer": "adam", "epochs": 3}
    made = runs.add(
        connection,
        project_id,
        name,
        {
            "sweep_id": sweep_id,
            "display_name": f"{name} {EVIL}" if name == "good" else name,
            "parameters": json.dumps(parameters),
            "reason": json.dumps({"method": "random", "note": EVIL}),
            "config": json.dumps({key: {"value": value} for key, value in parameters.items()}),
            "started_at": 1000.0,
            **({"ended_at": 1060.0} if more["state"] != "running" else {}),
            **more,
        },
    )
    logged = (value if isinstance(value, dict) else {"val_acc": value} for value in curve)
    rows = [{**row, "_step": step} for step, row in enumerate(logged)]
    lines.put(connection, made.id, lines.HISTORY, [Line(i, json.dumps(row), i) for i, row in enumerate(rows)])
    runs.change(
        connection,
        made.id,
        history_lines=len(rows),
        history_keys=updated("{}", rows),
        summary=json.dumps(rows[-1] | {"test_acc": 0.7}),
    )
