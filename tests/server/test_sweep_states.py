"""The transitions of a sweep's state, pending sweeps, and sweeps with very many runs."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import dispatch, run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.dashboard.progress import ProgressCache
from litsweep.server.dashboard.project_view import project_view
from litsweep.server.monitor import Monitor
from litsweep.server.store import projects, sweeps
from litsweep.server.store.sweeps import STATE_COLUMNS, SweepRecord, SweepState
from tests.server import transitions
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import UPSERT_RUN
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import GRID, RANDOM, Sweep

TABLE = transitions.table(sweep_states)


def made(connection: Connection, **values: object) -> SweepRecord:
    """Return a new sweep with these values in its state columns."""
    sweep = sweep_states.create(connection, projects.ensure(connection, "local", "p").id, config="{}")
    assert sweep.state is SweepState.PENDING and sweep.done_because is None
    sweeps.change_state(connection, sweep.id, **values)
    return read(connection, sweep)


def read(connection: Connection, sweep: SweepRecord) -> SweepRecord:
    found = sweeps.get(connection, sweep.id)
    assert found is not None
    return found


def act(connection: Connection, event: str, sweep: SweepRecord) -> None:
    match event.partition(",")[0].split():
        case ["begin"]:
            sweep_states.begin(connection, sweep.id)
        case ["set_state", state]:
            sweep_states.set_state(connection, sweep, state)
        case ["reopen"]:
            sweep_states.reopen(connection, sweep)
        case ["change_config"]:
            sweep_states.change_config(connection, sweep, config="{}")
        case ["finish_if_done"]:
            sweep_states.finish_if_done(connection, sweep)
        case ["set_done"]:
            sweep_states.set_done(connection, sweep, "exhausted")
        case _:
            pytest.fail(f"no event {event}")


def test_the_table_has_every_state_and_every_event() -> None:
    events = {event for event, _ in TABLE}
    assert {state for _, state in TABLE} == set(SweepState)
    named = {event.partition(",")[0].split()[0] for event in events}
    assert named == transitions.functions(sweep_states) - {"create", "expected_runs", "is_capped"}
    assert len(TABLE) == len(events) * len(SweepState) and len(events) == 11


@pytest.mark.parametrize("event", sorted({event for event, _ in TABLE}))
def test_each_transition(backend: Backend, event: str) -> None:
    done_because = "target" if event.endswith(", done") else None
    with backend.database.write() as connection:
        for state in SweepState:
            sweep = made(connection, state=state, done_because=done_because)
            act(connection, event, sweep)
            assert read(connection, sweep).state == TABLE[event, state], state


@pytest.mark.parametrize(
    ("event", "done_because"),
    [
        ("set_state RUNNING", None),
        ("set_state PAUSED", "target"),
        ("reopen", "target"),
        ("change_config", None),
        ("finish_if_done", "target"),
        ("set_done", "exhausted"),
    ],
)
def test_why_a_sweep_is_done(backend: Backend, event: str, done_because: str | None) -> None:
    with backend.database.write() as connection:
        sweep = made(connection, state=SweepState.RUNNING, done_because="target")
        act(connection, event, sweep)
        assert read(connection, sweep).done_because == done_because


def test_a_sweep_that_is_done_waits_for_its_runs(backend: Backend) -> None:
    with backend.database.write() as connection:
        sweep = made(connection, state=SweepState.RUNNING)
        run = run_states.create(connection, sweep.project_id, "a", {"sweep_id": sweep.id})
        sweep_states.set_done(connection, sweep, "exhausted")
        assert read(connection, sweep).state is SweepState.RUNNING
        run_states.end(connection, run, 0)
        sweep_states.finish_if_done(connection, sweep)
        assert read(connection, sweep).state is SweepState.FINISHED


def test_a_person_cannot_put_a_sweep_in_any_state(backend: Backend) -> None:
    with backend.database.write() as connection:
        sweep = made(connection, state=SweepState.RUNNING)
        for state in ("PENDING", "running"):
            with pytest.raises(LitsweepError, match="RUNNING, PAUSED, FINISHED, CANCELED; got"):
                sweep_states.set_state(connection, sweep, state)


def test_only_sweep_states_writes_the_state_of_a_sweep(backend: Backend) -> None:
    assert transitions.callers("sweeps.change_state", "sweeps.add") == {"sweep_states.py"}
    assert transitions.table_writers("sweeps") == {"store/sweeps.py"}
    with backend.database.write() as connection:
        sweep = made(connection, state=SweepState.RUNNING)
        for column in STATE_COLUMNS:
            with pytest.raises(AssertionError):
                sweeps.change(connection, sweep.id, **{column: None})


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
        view = page_of(backend, connection, record)
        home = projects.one(connection, record.project_id)
        (row,) = project_view(connection, home, ProgressCache())["sweeps"]
    assert view["sweep"]["expected"] == row["expected"] == runs
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
