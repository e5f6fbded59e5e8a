"""Outages and clocks that are set: no run gets a second agent, and none is held up."""

import json
import time
from typing import Any

import pytest

from litsweep.server import dispatch, run_states
from litsweep.server.backend import Backend
from litsweep.server.liveness import RECONNECT, Liveness
from litsweep.server.lost import end_lost
from litsweep.server.store import runs
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.sweep.reason import RequestReason
from tests.server.conftest import Clock, GraphQL, Stream
from tests.server.operations import RUN, UPSERT_RUN
from tests.server.test_dispatch import GRID, Sweep

HOUR = 3600.0


@pytest.fixture
def grid(graphql: GraphQL, stream: Stream) -> Sweep:
    return Sweep(graphql, stream, GRID)


def restarted(backend: Backend) -> None:
    """Make the server forget what a restart makes it forget."""
    object.__setattr__(backend, "liveness", Liveness())


@pytest.mark.parametrize("outage", ["server stopped", "server restarted", "network"])
@pytest.mark.parametrize("seconds", [70.0, 600.0])
def test_after_an_outage_the_first_agent_does_not_get_the_run_of_another(
    grid: Sweep, backend: Backend, clock: Clock, outage: str, seconds: float
) -> None:
    first, second = grid.agent(), grid.agent()
    run, other = grid.beat(first)[0]["run_id"], grid.beat(second)[0]["run_id"]
    if outage == "network":
        clock.sleep(seconds)  # the server works
    else:
        clock.now += seconds
    if outage == "server restarted":
        restarted(backend)
    grid.begin(other)
    grid.end(other)
    assert grid.beat(second)[0]["run_id"] not in (run, other)
    clock.sleep(RECONNECT + 20, lambda: grid.beat(second, other))  # the backoff of the first agent
    assert grid.beat(first, run) == [] and grid.states[run] == "pending"
    clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(second, other))
    assert grid.beat(grid.agent())[0]["run_id"] == run  # now it is gone


def test_an_agent_may_claim_its_run_before_another_gets_it(grid: Sweep, clock: Clock) -> None:
    first, second = grid.agent(), grid.agent()
    run, other = grid.beat(first)[0]["run_id"], grid.beat(second)[0]["run_id"]
    clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(second, other))
    assert grid.beat(first, run) == []
    assert grid.beat(grid.agent())[0]["run_id"] not in (run, other)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_clock_that_is_set_changes_nothing(
    grid: Sweep, backend: Backend, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    first, second = grid.agent(), grid.agent()
    run, running = grid.beat(first)[0]["run_id"], grid.start(second)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    end_lost(backend)
    assert grid.beat(first, run) == [] == grid.beat(second, running)
    assert grid.beat(grid.agent())[0]["run_id"] not in (run, running)
    end_lost(backend)
    grid.log(running, 0, 1.0)
    grid.end(running)
    with backend.database.read() as connection:
        named, ended = (record(connection, name) for name in (run, running))
        assert named.is_named and named.state == "pending"
        assert ended.state == "finished" and ended.duration is not None and 0 <= ended.duration < 60
    assert grid.beat(first)[0]["run_id"] != run and grid.states[run] == "finished"  # its program has ended


def record(connection: Any, name: str) -> runs.RunRecord:
    found = runs.find_by_path(connection, "local", "p", name)
    assert found is not None
    return found


def test_a_clock_that_is_set_back_during_a_restart_hides_no_name(
    grid: Sweep, backend: Backend, clock: Clock
) -> None:
    agent = grid.agent()
    run = grid.beat(agent)[0]["run_id"]
    with backend.database.write() as connection:
        runs.change_state(connection, [record(connection, run).id], {"dispatched_at": time.time() + HOUR})
    restarted(backend)
    grid.beat(agent, run)
    grid.beat(agent)
    assert grid.states[run] == "finished"  # unreported, because the agent had named it


def moved(grid: Sweep, clock: Clock) -> tuple[str, str, str]:
    """Return a run, the agent that has lost it, and the agent that has it now."""
    first, witness, second = grid.agent(), grid.agent(), grid.agent()
    run, other = grid.beat(first)[0]["run_id"], grid.beat(witness)[0]["run_id"]
    clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(witness, other))
    assert grid.beat(second)[0]["run_id"] == run
    return run, first, second


def losses(grid: Sweep, run: str) -> list[float]:
    history = grid.graphql(RUN, name=run)["data"]["project"]["run"]["history"]
    return [json.loads(row)["loss"] for row in history]


def test_an_agent_that_has_lost_its_run_is_told_to_stop_it(grid: Sweep, clock: Clock) -> None:
    run, first, second = moved(grid, clock)
    assert grid.beat(second, run) == []
    assert grid.beat(first, run) == [{"type": "stop", "run_id": run}]
    grid.begin(run)
    assert grid.beat(first, run) == [{"type": "stop", "run_id": run}] and grid.beat(second, run) == []
    grid.end(run)
    assert grid.beat(first, run) == []


def test_a_process_that_has_lost_its_run_cannot_start_it_or_add_rows(grid: Sweep, clock: Clock) -> None:
    run, _, _ = moved(grid, clock)
    grid.begin(run)
    grid.begin(run)  # the client repeats the request, because it missed the answer
    grid.log(run, 0, 1.0, float("nan"), 3.0)
    late = grid.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=grid.name, config="{}")
    assert f"another agent has run {run} now" in late["errors"][0]["message"]
    assert grid.log(run, 0, 9.0, 9.0)["stopped"] is True  # other rows
    assert grid.log(run, 7, 9.0)["stopped"] is True  # a gap
    assert grid.log(run, 0, 1.0, float("nan"), 3.0, 4.0)["stopped"] is False  # sent again, and one more
    assert [f"{loss}" for loss in losses(grid, run)] == ["1.0", "NaN", "3.0", "4.0"]
    config = json.dumps({"a": {"value": 1}})  # the client updates the config
    kept = grid.graphql(UPSERT_RUN, name=run, project="p", entity="local", config=config)
    assert "errors" not in kept and grid.states[run] == "running"


def test_the_process_that_left_a_preempted_run_adds_nothing_after_its_next_start(grid: Sweep) -> None:
    run = grid.start(grid.agent())
    grid.log(run, 0, 1.0, 2.0, 3.0)
    grid.stream(run, preempting=True)
    grid.end(run, 1)
    agent = grid.agent()
    assert grid.beat(agent)[0]["run_id"] == run
    assert grid.log(run, 3, 4.0)["stopped"] is True  # its last row, sent late
    grid.beat(agent, run)
    assert grid.log(run, 4, 9.0)["stopped"] is True  # the next program may have counted the rows
    assert losses(grid, run) == [1.0, 2.0, 3.0, 4.0]
    grid.begin(run)
    assert grid.log(run, 2, 9.0, 9.0)["stopped"] is True
    grid.log(run, 0, 1.5)
    assert grid.log(run, 4, 9.0)["stopped"] is True
    assert losses(grid, run) == [1.5] and grid.states[run] == "running"


def test_the_end_of_an_agent_does_not_keep_others_waiting(grid: Sweep, clock: Clock) -> None:
    """A run that is about to be preempted goes to another agent soon after its agent and process are gone."""
    dead, witness = grid.agent(), grid.agent()
    run, others = grid.start(dead), []
    grid.stream(run, preempting=True)
    for _ in range(3):
        others.append(grid.start(witness))
        grid.end(others[-1])
    assert grid.beat(witness) == []
    clock.sleep(dispatch.AGENT_GONE_AFTER - 5, lambda: grid.beat(witness, others[-1]))
    assert grid.states[run] == "preempting"
    clock.sleep(10, lambda: grid.beat(witness, others[-1]))
    assert grid.states[run] == "preempted" and grid.beat(witness)[0]["run_id"] == run


@pytest.mark.parametrize(
    ("report", "exitcode", "word"),
    [
        (None, 0, False),  # a script that has done all its steps
        ("completed", 0, False),
        ("early_stopping", 0, False),
        ("requested", 0, True),
        (None, 255, True),
    ],
)
def test_a_run_that_ended_before_the_stop_is_not_stopped_early(
    graphql: GraphQL, stream: Stream, backend: Backend, report: str | None, exitcode: int, word: bool
) -> None:
    sweep = Sweep(graphql, stream, {**GRID, "early_terminate": {"type": "hyperband", "min_iter": 1}})
    run = sweep.start(sweep.agent())
    with backend.database.write() as connection:
        run_states.request_stop(connection, record(connection, run), StoppedBy.SEARCH, RequestReason(by="x"))
    summary = {"loss": 1.0} | ({"stop_reason": report} if report else {})
    files = {"wandb-summary.json": {"offset": 0, "content": [json.dumps(summary)]}}
    stream(run, files=files, complete=True, exitcode=exitcode)
    (edge,) = sweep.read["runs"]["edges"]
    assert edge["node"]["state"] == "finished" and edge["node"]["stopped"] is word
