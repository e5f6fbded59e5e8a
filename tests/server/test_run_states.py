"""Each transition in the table of run states, on a real database."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import run_states
from litsweep.server.backend import Backend
from litsweep.server.store import projects, runs, sweeps
from litsweep.server.store.runs import STATE_COLUMNS, RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import SweepState
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.reason import RequestReason
from tests.server import transitions

TABLE = transitions.table(run_states)
REASON = RequestReason(by="stopRun")
STOPS = {"search": StoppedBy.SEARCH, "person": StoppedBy.PERSON, "pause": StoppedBy.PAUSE}

EVENTS: dict[str, Callable[[Connection, RunRecord], None]] = {
    "dispatch": lambda connection, run: run_states.dispatch(connection, run, agent(connection)),
    "end 0": lambda connection, run: run_states.end(connection, run, 0),
    "end 1": lambda connection, run: run_states.end(connection, run, 1),
    "end 143": lambda connection, run: run_states.end(connection, run, 143),
    "request_stop": lambda connection, run: run_states.request_stop(
        connection, run, StoppedBy.PERSON, REASON
    ),
    "request_pause": lambda connection, run: run_states.request_pause(connection, run, REASON),
    "resume": lambda connection, run: run_states.resume(connection, run, '{"method":"bayes"}'),
    "set_state pending": lambda connection, run: run_states.set_state(connection, run, "pending"),
    "set_state failed": lambda connection, run: run_states.set_state(connection, run, "failed"),
}


def agent(connection: Connection) -> int:
    home = projects.ensure(connection, "local", "p")
    sweep = sweeps.add(connection, home.id, config="{}", state=SweepState.RUNNING)
    return sweeps.add_agent(connection, sweep.id, "here").id


def made(connection: Connection, name: str, **values: object) -> RunRecord:
    """Return a new run with these values in its state columns."""
    home = projects.ensure(connection, "local", "p")
    run = run_states.create(connection, home.id, name, {})
    assert run.state is RunState.PENDING
    if values:
        runs.change_state(connection, [run.id], values)
    return read(connection, run)


def read(connection: Connection, run: RunRecord) -> RunRecord:
    found = runs.get(connection, run.id)
    assert found is not None
    return found


def after(connection: Connection, event: str, run: RunRecord) -> RunRecord:
    name, _, _ = event.partition(",")
    act = EVENTS.get(name) or getattr(run_states, name)
    act(connection, run)
    return read(connection, run)


def test_the_table_has_every_state_and_every_event() -> None:
    events = {event for event, _ in TABLE}
    assert {state for _, state in TABLE} == set(RunState)
    assert {event.partition(",")[0].split()[0] for event in events} == transitions.functions(run_states) - {
        "create"
    }
    assert len(TABLE) == len(events) * len(RunState) and len(events) == 29


@pytest.mark.parametrize("event", sorted({event for event, _ in TABLE}))
def test_each_transition(backend: Backend, event: str) -> None:
    stopped_by = STOPS.get(event.partition(", ")[2])
    with backend.database.write() as connection:
        for state in RunState:
            run = made(connection, f"{event} {state}", state=state, stopped_by=stopped_by)
            ended = after(connection, event, run)
            assert ended.state == TABLE[event, state], state
            if ended.state is state and event.split()[0] in (
                "dispatch",
                "give_up",
                "lose",
                "drop",
                "kill",
                "resume",
            ):
                assert ended == run or state is RunState.PENDING, state  # the event must not change anything


@pytest.mark.parametrize(
    ("event", "state", "failure"),
    [
        ("give_up", "pending", Failure.ERROR),
        ("end 0", "pending", Failure.UNREPORTED),
        ("end 0", "running", None),
        ("end 1", "running", Failure.ERROR),
        ("end 143", "running", Failure.SIGNAL),
        ("end 1, search", "running", None),
        ("lose", "running", Failure.LOST),
        ("lose", "preempting", None),
        ("lose, search", "running", None),
        ("lose, person", "running", Failure.SIGNAL),
        ("mark_unreported", "pending", Failure.UNREPORTED),
        ("kill", "running", Failure.SIGNAL),
        ("drop", "pending", None),
    ],
)
def test_the_failure_of_an_ended_run(
    backend: Backend, event: str, state: str, failure: Failure | None
) -> None:
    with backend.database.write() as connection:
        run = made(connection, "a", state=RunState(state), stopped_by=STOPS.get(event.partition(", ")[2]))
        ended = after(connection, event, run)
    assert ended.failure is failure and ended.ended_at is not None
    assert ended.summary_values == ({"failure": failure} if failure is Failure.UNREPORTED else {})


@pytest.mark.parametrize("event", ["start", "rewind"])
def test_a_run_that_starts_again_forgets_its_end(backend: Backend, event: str) -> None:
    with backend.database.write() as connection:
        run = made(connection, "a")
        run_states.mark_unreported(connection, run)
        runs.change_state(connection, [run.id], {"stopped_by": StoppedBy.PERSON, "stop_asked_at": 1.0})
        begun = after(connection, event, read(connection, run))
    assert begun.state is RunState.RUNNING and begun.started_at is not None and begun.summary == "{}"
    ends = (begun.failure, begun.exitcode, begun.ended_at, begun.stopped_by, begun.stop_asked_at)
    assert ends == (None,) * 5


def test_a_command_that_is_sent_again_counts_once(backend: Backend) -> None:
    with backend.database.write() as connection:
        run, first, second = made(connection, "a"), agent(connection), agent(connection)
        counts = []
        for to in (first, first, second):
            run_states.dispatch(connection, run, to)
            run = read(connection, run)
            counts.append((run.agent_id, run.dispatches))
    assert counts == [(first, 1), (first, 1), (second, 2)]


def test_a_run_is_asked_to_stop_once(backend: Backend) -> None:
    with backend.database.write() as connection:
        run = made(connection, "a", state=RunState.RUNNING)
        for by in (StoppedBy.SEARCH, StoppedBy.PERSON):
            run_states.request_stop(connection, read(connection, run), by, RequestReason(by=by))
        asked = read(connection, run)
    assert (asked.stopped_by, asked.stop_reason) == (StoppedBy.SEARCH, '{"by":"search"}')
    assert asked.is_stopped_early and asked.stop_asked_at is not None


def test_a_person_cannot_put_a_run_in_any_state(backend: Backend) -> None:
    with backend.database.write() as connection:
        run = made(connection, "a")
        with pytest.raises(LitsweepError, match="can be set to pending or failed, not to finished"):
            run_states.set_state(connection, run, "finished")


def test_only_run_states_writes_the_state_of_a_run(backend: Backend) -> None:
    stores = {"store/runs.py", "store/sweeps.py"}
    assert transitions.callers("change_state") == {"run_states.py", "sweep_states.py", *stores}
    assert transitions.callers("runs.change_state", "runs.add") == {"run_states.py"}
    assert transitions.table_writers("runs") == {"store/runs.py"}
    with backend.database.write() as connection:
        run = made(connection, "a")
        for column in STATE_COLUMNS:
            with pytest.raises(AssertionError):
                runs.change(connection, run.id, **{column: None})
