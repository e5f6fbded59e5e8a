"""Sweeps of any size, and their state before the first agent."""

import json
from typing import Any

import pytest

from litsweep.server import dispatch
from litsweep.server.backend import Backend
from litsweep.server.dashboard.curves import CurveCache
from litsweep.server.dashboard.project_view import project_view
from litsweep.server.dashboard.sweep_view import sweep_view
from litsweep.server.monitor import Monitor
from litsweep.server.store import projects, sweeps
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import UPSERT_RUN
from tests.server.test_dispatch import GRID, RANDOM, Sweep


@pytest.fixture
def grid(graphql: GraphQL, stream: Stream) -> Sweep:
    return Sweep(graphql, stream, GRID)


def test_a_sweep_is_pending_until_its_first_agent(grid: Sweep, backend: Backend) -> None:
    assert grid.read["state"] == "PENDING"
    Monitor(backend).run_once()
    assert grid.read["state"] == "PENDING"
    agent = grid.agent()
    assert grid.read["state"] == "RUNNING" and grid.beat(agent)[0]["type"] == "run"


def test_a_run_started_by_hand_begins_its_sweep(grid: Sweep) -> None:
    grid.begin("by-hand")
    assert grid.read["state"] == "RUNNING"


@pytest.mark.parametrize(("state", "told"), [("PAUSED", []), ("FINISHED", [dispatch.EXIT])])
def test_a_person_s_word_on_a_pending_sweep_stands(grid: Sweep, state: str, told: list[Any]) -> None:
    grid.become(state)
    agent = grid.agent()
    assert grid.beat(agent) == told and grid.read["state"] == state
    grid.become("RUNNING")
    assert grid.beat(agent)[0]["type"] == "run"


LARGE = {**GRID, "parameters": {f"p{i}": {"values": list(range(100))} for i in range(10)}}
LARGER = {**GRID, "parameters": {f"p{i}": {"min": 1, "max": 10**9} for i in range(35)}}


@pytest.mark.parametrize(
    ("config", "runs"),
    [
        (LARGE, 10**20),
        (LARGER, None),
        ({**RANDOM, "run_cap": 10**30}, 10**30),
        ({**GRID, "run_cap": 10**400}, 4),
        ({**LARGER, "run_cap": 3}, 3),
        ({**GRID, "parameters": {"q": {"distribution": "q_uniform", "min": 0, "max": 1e12, "q": 1}}}, 10**12),
        ({**GRID, "parameters": {"a": {"values": [10**400, 2**63, -(10**350)]}}}, 3),
    ],
)
def test_sweeps_of_any_size(
    graphql: GraphQL, stream: Stream, backend: Backend, config: dict[str, Any], runs: int | None
) -> None:
    sweep = Sweep(graphql, stream, config)
    assert sweep.read["runCountExpected"] == runs
    run = sweep.start(sweep.agent())
    sweep.log(run, 0, 1.0)
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        view = sweep_view(connection, record, CurveCache())
        home = projects.get(connection, record.project_id)
        (row,) = project_view(connection, home)["sweeps"]
    assert view["sweep"]["expected"] == row["expected"] == runs and len(view["runs"]) == 1
    json.dumps(view, allow_nan=False)


def test_integers_of_400_digits_in_metrics_and_steps(grid: Sweep, backend: Backend) -> None:
    run = grid.start(grid.agent())
    rows = [json.dumps({"_step": 10**400, "loss": 10**400}), json.dumps({"_step": 2, "loss": 1.0})]
    assert grid.stream(run, files={"wandb-history.jsonl": {"offset": 0, "content": rows}})["status"] == 200
    Monitor(backend).run_once()
    assert grid.read["bestLoss"] == 1.0


def test_prior_runs_of_a_sweep_can_be_read(graphql: GraphQL, stream: Stream) -> None:
    for name in ("old", "other"):
        graphql(UPSERT_RUN, name=name, project="p", entity="local", config="{}")
    made = Sweep(graphql, stream, GRID, priorRunsFilters=json.dumps({"$or": [{"name": "old"}]}))
    query = """query Q($name: String!) { project(name: "p", entityName: "local") { sweep(sweepName: $name) {
        priorRuns { edges { node { name } } } } } }"""
    read = [graphql(query, name=name)["data"] for name in (made.name, Sweep(graphql, stream, GRID).name)]
    found = [data["project"]["sweep"]["priorRuns"]["edges"] for data in read]
    assert found == [[{"node": {"name": "old"}}], []]
