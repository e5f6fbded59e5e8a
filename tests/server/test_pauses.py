"""Pauses: the search pauses and resumes runs with freeze-thaw, on a server without HTTP."""

import json
from typing import Any

import pytest
import yaml

from litsweep.server.backend import Backend
from litsweep.server.monitor import Monitor, apply_ends
from litsweep.server.search_protocol import GivenUp, Status, Stop
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.reasons import stored_reason
from tests.server.conftest import Clock, GraphQL, Stream
from tests.server.operations import UPSERT_SWEEP
from tests.server.test_dispatch import Sweep

FREEZE: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "run_cap": 3,
    "parameters": {"a": {"min": 0.0, "max": 1.0}},
    "litsweep": {"early_terminate": {"type": "freeze_thaw", "max_iter": 6}},
}


class Freezing(Sweep):
    """A sweep that pauses each of its three first runs after one value."""

    def __init__(self, graphql: GraphQL, stream: Stream, backend: Backend) -> None:
        super().__init__(graphql, stream, FREEZE)
        self.backend = backend

    def look(self) -> None:
        """Let the monitor do what the search wants."""
        for _ in range(3):
            Monitor(self.backend).run_once()

    def record(self, run: str) -> RunRecord:
        with self.backend.database.read() as connection:
            found = runs.find_by_path(connection, "local", "p", run)
        assert found is not None
        return found

    @property
    def words(self) -> list[str]:
        return [self.record(name).word for name in self.states]

    def pause(self, agent: str, loss: float, exitcode: int = 255) -> str:
        """Start a run, log one value, and end as the server asks. Return the run."""
        run = self.start(agent)
        self.log(run, 0, loss)
        self.look()
        assert self.log(run, 0, loss)["stopped"] is True
        self.end(run, exitcode)
        return run


@pytest.fixture
def freezing(graphql: GraphQL, stream: Stream, backend: Backend) -> Freezing:
    return Freezing(graphql, stream, backend)


@pytest.mark.parametrize("exitcode", [0, 1, 143, 255])
def test_a_run_that_was_asked_to_pause_waits_for_the_search(freezing: Freezing, exitcode: int) -> None:
    agent = freezing.agent()
    run = freezing.pause(agent, 0.5, exitcode)
    record = freezing.record(run)
    assert record.word == "paused" and record.state == "preempted" and record.failure is None
    assert json.loads(record.stop_reason or "")["iteration"] == 1
    (command,) = freezing.beat(agent)
    assert command["run_id"] != run, "a paused run waits for the search, not for an agent"


def test_a_retry_is_paused_where_the_run_would_have_been(freezing: Freezing, graphql: GraphQL) -> None:
    agent = freezing.agent()
    run = freezing.start(agent)
    freezing.end(run, 1)
    chosen = {"entityName": "local", "projectName": "p", "sweep": freezing.name, "runs": [run], "limit": 3}
    query = "mutation($input: RetryRunsInput!) { retryRuns(input: $input) { retried { run { name } } } }"
    (retried,) = graphql(query, input=chosen)["data"]["retryRuns"]["retried"]
    reason = json.loads(freezing.record(retried["run"]["name"]).reason or "")
    assert reason["method"] == "retry" and reason["train_to"] == 1, reason


def test_the_best_paused_run_is_trained_to_the_end(freezing: Freezing) -> None:
    first, second = freezing.agent(), freezing.agent()
    names = [freezing.pause(first, loss) for loss in (0.5, 0.2, 0.9)]
    assert freezing.words == ["paused"] * 3
    (command,) = freezing.beat(second)
    assert command["run_id"] == names[1] and command["args"], "the run goes on at any agent"
    others = freezing.beat(first)
    assert all(other["run_id"] in (names[0], names[2]) for other in others), "a run is given once"
    freezing.begin(names[1])
    record = freezing.record(names[1])
    assert record.stopped_by is None and record.stop_reason is None and record.history_lines == 1
    (earlier,) = json.loads(record.earlier_starts or "")
    assert earlier["paused"]["iteration"] == 1 and earlier["reason"]["train_to"] == 1
    assert json.loads(record.reason or "")["resumed_at"] == 1
    freezing.log(names[1], 1, 0.15, 0.14, 0.13, 0.12, 0.11)
    freezing.look()
    assert freezing.log(names[1], 6)["stopped"] is False
    freezing.end(names[1])
    while (commands := others or freezing.beat(first)) != [{"type": "exit"}]:
        others = []
        freezing.begin(commands[0]["run_id"])
        freezing.log(commands[0]["run_id"], 1, 0.4, 0.4, 0.4, 0.4, 0.4)
        freezing.end(commands[0]["run_id"])
    freezing.look()
    assert freezing.read["state"] == "FINISHED" and "paused" not in freezing.words


def test_a_paused_run_that_the_machine_had_lost_is_paused_not_repeated(
    freezing: Freezing, clock: Clock
) -> None:
    agent, other = freezing.agent(), freezing.agent()
    run = freezing.start(agent)
    freezing.log(run, 0, 0.5)
    freezing.stream(run, preempting=True)
    freezing.end(run, 143)
    assert freezing.record(run).word == "preempted"
    freezing.look()
    assert freezing.record(run).word == "paused"
    run = freezing.start(agent)
    freezing.log(run, 0, 0.5)
    freezing.look()
    clock.sleep(400, lambda: freezing.beat(other, "x"))
    assert freezing.record(run).word == "paused", "an agent was killed while its run ended"


def test_a_person_ends_what_is_paused(freezing: Freezing, graphql: GraphQL) -> None:
    agent = freezing.agent()
    runs_ = [freezing.pause(agent, loss) for loss in (0.5, 0.2)]
    freezing.become("PAUSED")
    freezing.look()
    assert freezing.words == ["paused"] * 2 and freezing.beat(agent) == []
    freezing.become("RUNNING")
    storage_id = freezing.record(runs_[0]).id
    graphql("mutation($id: ID!) { stopRun(input: {id: $id}) { success } }", id=str(storage_id))
    assert freezing.words == ["killed", "paused"]
    freezing.become("FINISHED")
    assert freezing.words == ["killed", "stopped early"]


def test_a_pause_that_the_sweep_s_end_overtakes_is_a_stop(freezing: Freezing) -> None:
    agents = [freezing.agent(), freezing.agent()]
    asked, unasked = (freezing.start(agent) for agent in agents)
    freezing.log(asked, 0, 0.5)
    freezing.look()
    freezing.become("FINISHED")
    freezing.log(unasked, 0, 0.5)
    freezing.look()
    for run in (asked, unasked):
        assert freezing.log(run, 0, 0.5)["stopped"] is True
        freezing.end(run, 255)
        assert freezing.record(run).word == "stopped early"


def test_a_program_may_pause_by_itself(freezing: Freezing, stream: Stream) -> None:
    agent = freezing.agent()
    summary = {"wandb-summary.json": {"offset": 0, "content": ['{"stop_reason": "paused"}']}}
    early, due = freezing.start(agent), freezing.start(freezing.agent())
    freezing.log(due, 0, 0.5)
    for run in (early, due):
        stream(run, files=summary, complete=True, exitcode=0)
    assert freezing.record(early).word == "finished", "it has no value, so it would go on for ever"
    assert freezing.record(due).word == "paused"
    reason = json.loads(freezing.record(due).stop_reason or "")
    assert (reason["iteration"], reason["max_iter"], reason["value"]) == (1, 6, 0.5)


TRAIN_TO = """query($name: String!) {
  project(name: "p", entityName: "local") { run(name: $name) { trainTo } } }"""
RESUME = """mutation($id: String, $name: String, $sweep: String) { upsertBucket(
  input: {id: $id, name: $name, modelName: "p", entityName: "local", sweep: $sweep}) { bucket { id } } }"""


def test_the_client_that_resumes_a_run_is_not_stopped_and_loses_no_row(
    freezing: Freezing, graphql: GraphQL, stream: Stream
) -> None:
    agent = freezing.agent()
    run = freezing.start(agent)
    freezing.log(run, 0, 0.5)
    freezing.stream(run, preempting=True)
    freezing.end(run, 1)
    (command,) = freezing.beat(freezing.agent())
    assert command["run_id"] == run
    assert stream(run)["stopped"] is False, "the client asks before it starts the run"
    graphql(RESUME, id=str(freezing.record(run).id), name=run, sweep=freezing.name)
    assert freezing.record(run).state == "running"
    assert freezing.log(run, 1, 0.4)["stopped"] is False and freezing.record(run).history_lines == 2


def test_a_decision_from_before_a_resumption_is_ignored(freezing: Freezing, backend: Backend) -> None:
    agent = freezing.agent()
    names = [freezing.pause(agent, loss) for loss in (0.5, 0.2, 0.9)]
    pause = json.loads(freezing.record(names[1]).stop_reason or "")
    old = Status(stops=(Stop(names[1], pause, True),), given_up=(GivenUp(names[1], 1), GivenUp(names[0], 0)))
    freezing.start(agent)
    with backend.database.write() as connection:
        sweep = sweeps.get(connection, int(freezing.id))
        assert sweep is not None
        apply_ends(connection, sweep, old)
    assert freezing.record(names[1]).stopped_by is None, "it trains longer now"
    assert freezing.record(names[0]).word == "paused", "it has another value since"


@pytest.mark.parametrize("rule", [None, {"type": "median"}])
def test_pauses_end_when_the_config_no_longer_has_them(
    freezing: Freezing, graphql: GraphQL, stream: Stream, rule: dict[str, Any] | None
) -> None:
    agent = freezing.agent()
    paused, asked, own = freezing.pause(agent, 0.5), freezing.start(agent), freezing.start(freezing.agent())
    freezing.log(asked, 0, 0.4)
    freezing.look()
    section = {} if rule is None else {"litsweep": {"early_terminate": rule}}
    config = {key: value for key, value in FREEZE.items() if key != "litsweep"} | section
    assert graphql(UPSERT_SWEEP, id=freezing.id, config=yaml.dump(config))["status"] == 200
    freezing.look()
    assert freezing.record(paused).word == "stopped early"
    assert freezing.log(asked, 0, 0.4)["stopped"] is True
    freezing.end(asked, 255)
    freezing.log(own, 0, 0.3)
    summary = {"wandb-summary.json": {"offset": 0, "content": ['{"stop_reason": "paused"}']}}
    stream(own, files=summary, complete=True, exitcode=0)
    assert [freezing.record(run).word for run in (paused, asked, own)] == ["stopped early"] * 3
    for run, loss in ((paused, "0.5"), (asked, "0.4"), (own, "0.3")):
        stopped = stored_reason(freezing.record(run).stop_reason)
        assert stopped is not None
        assert stopped.brief.startswith(f"paused at 1 of 6 with {loss}"), stopped
        assert stopped.brief.endswith("is not resumed, because the sweep's config no longer has freeze_thaw")
    assert freezing.beat(agent) == [{"type": "exit"}], "all three runs of the sweep count"


def test_a_run_that_was_interrupted_trains_to_its_end_without_freeze_thaw(
    freezing: Freezing, graphql: GraphQL
) -> None:
    run = freezing.start(freezing.agent())
    freezing.stream(run, preempting=True)
    freezing.end(run, 143)
    assert graphql(TRAIN_TO, name=run)["data"]["project"]["run"]["trainTo"] == 1
    config = {key: value for key, value in FREEZE.items() if key != "litsweep"}
    graphql(UPSERT_SWEEP, id=freezing.id, config=yaml.dump(config))
    assert graphql(TRAIN_TO, name=run)["data"]["project"]["run"]["trainTo"] is None
    (command,) = freezing.beat(freezing.agent())
    assert command["run_id"] == run
