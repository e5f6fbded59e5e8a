"""Runs whose program starts no W&B run end. Runs whose command was lost are dispatched again."""

import json
from typing import Any

import pytest

from litsweep.server import dispatch, new_runs
from litsweep.server.backend import Backend
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.monitor import Monitor
from litsweep.server.search_protocol import ReadySuggestion
from litsweep.server.store import sweeps
from litsweep.sweep.contract import AGENT_NAME
from litsweep.sweep.run import unreported_warning
from tests.server.chunks import receive
from tests.server.conftest import Clock, GraphQL, Stream
from tests.server.operations import RUN
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import GRID, RANDOM, Sweep


@pytest.fixture
def grid(graphql: GraphQL, stream: Stream) -> Sweep:
    return Sweep(graphql, stream, GRID)


# Seconds until wandb-core repeats a heartbeat: after broken connections, and after timeouts.
BROKEN, TIMED_OUT = (2.02, 4.97, 8.2, 16.1, 19.4), (32.5, 32.8, 32.4, 65.0)


@pytest.mark.parametrize("waits", [(0.0,) * 5, BROKEN, TIMED_OUT], ids=["at once", "broken", "timed out"])
def test_a_run_whose_command_is_lost_again_and_again_is_not_lost(
    grid: Sweep, clock: Clock, waits: tuple[float, ...]
) -> None:
    agent = grid.agent()
    (first,) = grid.beat(agent)
    for wait in waits:
        clock.now += wait
        assert grid.beat(agent) == [first]
    assert grid.states == {first["run_id"]: "pending"}
    grid.begin(first["run_id"], first["args"])
    grid.end(first["run_id"])
    assert grid.states == {first["run_id"]: "finished"}


def summary(sweep: Sweep, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        sweep.graphql(RUN, name=run)["data"]["project"]["run"]["summaryMetrics"]
    )
    return found


@pytest.mark.parametrize("wait", [0.3, 0.5, 1.5, 5.0, 6.5])
def test_an_agent_that_asks_again_has_ended_its_run(grid: Sweep, clock: Clock, wait: float) -> None:
    """A stock agent never names a short program. The server does not dispatch its config again."""
    agent, configs = grid.agent(), []
    for _ in range(4):
        (command,) = grid.beat(agent)
        configs.append(str(command["args"]))
        clock.now += wait
    assert grid.beat(agent) == [dispatch.EXIT] and len(set(configs)) == 4
    assert set(grid.states.values()) == {"finished"} and grid.read["state"] == "FINISHED"
    assert summary(grid, next(iter(grid.states))) == {"failure": "unreported"}


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED"])
def test_a_run_that_was_named_and_is_not_any_more_has_ended(grid: Sweep, clock: Clock, state: str) -> None:
    agent = grid.agent()
    run = grid.beat(agent)[0]["run_id"]
    clock.now += 5
    assert grid.beat(agent, run) == []
    clock.now += 3600
    grid.become(state)
    following = grid.beat(agent)
    assert grid.states[run] == "finished" and summary(grid, run) == {"failure": "unreported"}
    assert [command["run_id"] for command in following] != [run]


def test_a_resumed_run_whose_program_does_not_resume_it_has_ended(grid: Sweep, clock: Clock) -> None:
    agent = grid.agent()
    run = grid.start(agent)
    grid.log(run, 0, 1.0)
    grid.stream(run, preempting=True)
    grid.end(run, 1)
    assert grid.beat(agent)[0]["run_id"] == run
    clock.now += 5
    grid.beat(agent, run)
    clock.now += 5
    assert grid.beat(agent)[0]["run_id"] != run
    assert grid.states[run] == "finished" and summary(grid, run)["failure"] == "unreported"


@pytest.mark.parametrize(("exitcode", "state"), [(0, "finished"), (1, "failed")])
def test_the_launcher_ends_a_resumed_run_whose_program_does_not_resume_it(
    grid: Sweep, backend: Backend, clock: Clock, exitcode: int, state: str
) -> None:
    """A late exit code from the preempted process does not end the run."""
    agent = grid.agent()
    run = grid.start(agent)
    grid.stream(run, preempting=True)
    grid.end(run, 1)
    grid.beat(agent)
    clock.now += 1
    grid.beat(agent, run)
    grid.end(run, 143)
    assert grid.states[run] == "pending"
    body = json.dumps({"complete": True, "exitcode": exitcode}).encode()
    receive(backend, ("local", "p", run), body, {"user-agent": AGENT_NAME})
    assert grid.states[run] == state


def test_a_launcher_s_agent_reports_the_end_of_a_run_that_never_started(
    grid: Sweep, backend: Backend, clock: Clock
) -> None:
    agent, both = int(grid.agent()), []
    for _ in range(2):  # the first command was lost
        both += dispatch.heartbeat(backend, agent, frozenset(), reports_ends=True)
        clock.now += 5
    run = both[0]["run_id"]
    assert both[1]["run_id"] == run and grid.states == {run: "pending"}
    grid.end(run, 0)
    assert grid.states == {run: "finished"} and summary(grid, run) == {"failure": "unreported"}


def test_an_answer_that_nobody_waits_for_any_more_hands_out_nothing(
    grid: Sweep, backend: Backend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent sends another heartbeat while the search is slow. The run waits for the next heartbeat."""
    monkeypatch.setattr(new_runs, "SEARCH_WAIT", 0.05)
    agent, suggest = grid.agent(), LiveSweep.suggest

    def slow(live: LiveSweep) -> ReadySuggestion | None:
        clock.now += 40
        assert grid.beat(agent) == []
        clock.now += 3
        return suggest(live)

    with monkeypatch.context() as patch:
        patch.setattr(LiveSweep, "suggest", slow)
        assert grid.beat(agent) == []
    (run,) = grid.states
    clock.now += 2
    assert grid.beat(agent)[0]["run_id"] == run


def test_the_last_run_of_an_agent_whose_programs_report_nothing_has_ended_with_it(
    grid: Sweep, backend: Backend, clock: Clock
) -> None:
    watch, agent = Monitor(backend), grid.agent()
    for _ in range(4):
        grid.beat(agent)
        clock.sleep(5)
    watch.run_once()
    assert list(grid.states.values()) == ["finished"] * 3 + ["pending"]
    clock.sleep(dispatch.AGENT_GONE_AFTER)
    watch.run_once()
    assert set(grid.states.values()) == {"finished"} and grid.read["state"] == "FINISHED"


def test_runs_that_report_nothing_count_and_are_told(
    graphql: GraphQL, stream: Stream, backend: Backend, clock: Clock
) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "run_cap": 2})
    agent = sweep.agent()
    for _ in range(2):
        assert sweep.beat(agent)[0]["type"] == "run"
        clock.now += 5
    assert sweep.beat(agent) == [dispatch.EXIT] and sweep.read["state"] == "FINISHED"
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        view = page_of(backend, connection, record)["sweep"]
    assert view["warnings"] == [unreported_warning(2)] and "wandb.init" in view["warnings"][0]
    assert view["counts"]["failed"] == 2


def test_a_run_that_is_synced_later_counts_with_what_it_logged(grid: Sweep, clock: Clock) -> None:
    agent = grid.agent()
    (command,) = grid.beat(agent)
    clock.now += 5
    grid.beat(agent)
    run = command["run_id"]
    grid.begin(run, command["args"])
    assert grid.states[run] == "running" and summary(grid, run) == {}
    grid.log(run, 0, 1.0)
    grid.end(run)
    assert grid.states[run] == "finished"


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_sweep_that_finished_with_its_last_run_continues_if_the_launcher_returns_that_run(
    graphql: GraphQL, stream: Stream, backend: Backend, is_stopped: bool
) -> None:
    """The run's client had reported a success. A sweep that a person has stopped stays stopped."""
    sweep = Sweep(graphql, stream, RANDOM | {"run_cap": 1})
    agent = sweep.agent()
    run = sweep.start(agent)
    if is_stopped:
        sweep.become("FINISHED")
    sweep.end(run, 0)
    assert is_stopped or sweep.beat(agent) == [dispatch.EXIT]
    assert sweep.read["state"] == "FINISHED"
    for body in ({"preempting": True}, {"complete": True, "exitcode": 143}):
        receive(backend, ("local", "p", run), json.dumps(body).encode(), {"user-agent": AGENT_NAME})
    assert sweep.states == {run: "preempted"}
    assert sweep.read["state"] == ("FINISHED" if is_stopped else "RUNNING")
    again = sweep.beat(agent)
    assert again == [dispatch.EXIT] if is_stopped else again[0]["run_id"] == run
