"""The commands that agents get, from the start of a sweep to its end."""

import json
import threading
import time
from typing import Any

import pytest
import yaml

from litsweep.server import dispatch, new_runs
from litsweep.server.backend import Backend
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.monitor import Monitor
from litsweep.server.search_protocol import ReadySuggestion
from litsweep.server.store import dispatched, sweeps
from tests.server.conftest import Clock, GraphQL, Stream
from tests.server.operations import (
    CREATE_AGENT,
    DELETE_RUN,
    ENQUEUE_RUN,
    HEARTBEAT,
    STOP_RUN,
    SWEEP,
    UPSERT_RUN,
    UPSERT_SWEEP,
)

GRID = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}},
}
RANDOM = {**GRID, "method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}
HYPERBAND = {**RANDOM, "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}}


class Sweep:
    """A sweep. Its agents have no process: the tests send their heartbeats."""

    def __init__(self, graphql: GraphQL, stream: Stream, config: dict[str, Any], **more: Any) -> None:
        self.graphql = graphql
        self.stream = stream
        made = graphql(UPSERT_SWEEP, config=yaml.dump(config), **more)["data"]["upsertSweep"]["sweep"]
        self.id, self.name = made["id"], made["name"]

    def agent(self) -> str:
        made: str = self.graphql(CREATE_AGENT, sweep=self.name)["data"]["createAgent"]["agent"]["id"]
        return made

    def beat(self, agent: str, *running: str) -> list[dict[str, Any]]:
        state = json.dumps(dict.fromkeys(running, True))
        answer = self.graphql(HEARTBEAT, id=agent, runState=state)
        assert answer["status"] == 200, answer
        commands: list[dict[str, Any]] = json.loads(answer["data"]["agentHeartbeat"]["commands"])
        return commands

    def start(self, agent: str) -> str:
        """Get a run for the agent and start it. Return its name."""
        (command,) = self.beat(agent)
        assert command["type"] == "run", command
        self.begin(command["run_id"], command["args"])
        return str(command["run_id"])

    def begin(self, run: str, args: dict[str, Any] | None = None) -> None:
        config = json.dumps(args or {})
        self.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=self.name, config=config)

    def end(self, run: str, exitcode: int = 0) -> None:
        self.stream(run, complete=True, exitcode=exitcode)

    def log(self, run: str, first: int, *losses: float) -> Any:
        rows = [json.dumps({"_step": first + i, "loss": loss}) for i, loss in enumerate(losses)]
        return self.stream(run, files={"wandb-history.jsonl": {"offset": first, "content": rows}})

    def become(self, state: str) -> None:
        self.graphql(UPSERT_SWEEP, id=self.id, state=state)

    @property
    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = self.graphql(SWEEP, name=self.name)["data"]["project"]["sweep"]
        return found

    @property
    def states(self) -> dict[str, str]:
        return {edge["node"]["name"]: edge["node"]["state"] for edge in self.read["runs"]["edges"]}


@pytest.fixture
def grid(graphql: GraphQL, stream: Stream) -> Sweep:
    return Sweep(graphql, stream, GRID)


def test_two_agents_finish_a_grid(grid: Sweep) -> None:
    agents = [grid.agent(), grid.agent()]
    seen = []
    for _ in range(2):
        started = [grid.start(agent) for agent in agents]
        for run in started:
            grid.log(run, 0, 0.5)
            grid.end(run)
        seen += started
    assert len(set(seen)) == 4 and grid.read["runCountExpected"] == 4
    assert [grid.beat(agent) for agent in agents] == [[dispatch.EXIT]] * 2
    assert grid.read["state"] == "FINISHED"
    configs = [json.loads(edge["node"]["config"]) for edge in grid.read["runs"]["edges"]]
    points = {(config["a"]["value"], config["b"]["value"]) for config in configs}
    assert points == {(1, "x"), (1, "y"), (2, "x"), (2, "y")}


def test_a_busy_agent_gets_no_second_run(grid: Sweep) -> None:
    agent = grid.agent()
    assert grid.beat(agent, grid.start(agent)) == []


def test_a_run_whose_command_got_lost_is_dispatched_again(grid: Sweep) -> None:
    agent = grid.agent()
    first, again = grid.beat(agent), grid.beat(agent)
    assert first == again and len(grid.states) == 1


def test_a_run_is_given_up_once_several_agents_have_vanished_with_its_program(
    grid: Sweep, clock: Clock
) -> None:
    witness, runs = grid.agent(), []
    busy = grid.start(witness)
    for _ in range(dispatched.MAX_DISPATCHES + 1):
        agent = grid.agent()
        runs.append(grid.beat(agent)[0]["run_id"])
        grid.beat(agent, runs[-1])
        clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(witness, busy))
    assert len(set(runs[:-1])) == 1 and runs[-1] != runs[0]
    assert grid.states[runs[0]] == "failed"


def test_a_run_whose_program_may_never_have_run_is_not_given_up(grid: Sweep, clock: Clock) -> None:
    """Several agents vanish before they name it. Then other work comes first."""
    witness, runs = grid.agent(), []
    busy = grid.start(witness)
    for _ in range(dispatched.MAX_DISPATCHES + 4):
        runs.append(grid.beat(grid.agent())[0]["run_id"])
        clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(witness, busy))
    first, *others = dict.fromkeys(runs)
    assert runs[: dispatched.MAX_DISPATCHES] == [first] * dispatched.MAX_DISPATCHES
    assert others and {grid.states[run] for run in (first, *others)} == {"pending"}
    kept = grid.agent()
    clock.sleep(120, lambda: grid.beat(witness, busy))
    done = set()
    for _ in range(3):
        done.add(grid.start(kept))
        grid.end(max(done & {run for run, state in grid.states.items() if state == "running"} - {busy}))
    assert first in done and set(grid.states.values()) == {"running", "finished"}


def test_a_run_of_a_vanished_agent_goes_to_another(grid: Sweep, clock: Clock) -> None:
    lost, other = grid.agent(), grid.agent()
    run = grid.beat(lost)[0]["run_id"]
    kept = grid.start(other)
    assert kept != run
    clock.sleep(dispatch.AGENT_GONE_AFTER + 5, lambda: grid.beat(other, kept))
    assert grid.beat(grid.agent())[0]["run_id"] == run


def test_a_preempted_run_goes_on_under_its_id(grid: Sweep) -> None:
    agent = grid.agent()
    run = grid.start(agent)
    grid.stream(run, preempting=True)
    for _ in range(2):  # the client repeats it, because the first answer was lost
        grid.end(run, 1)
        assert grid.states[run] == "preempted"
    (command,) = grid.beat(grid.agent())
    assert command["run_id"] == run and set(command["args"]) == {"a", "b"}
    grid.end(run, 1)
    assert grid.states[run] == "pending"
    grid.begin(run)
    assert grid.states[run] == "running"


def test_pause_resume(grid: Sweep) -> None:
    agent = grid.agent()
    run = grid.start(agent)
    grid.become("PAUSED")
    assert grid.beat(agent, run) == [] and grid.log(run, 0, 1.0)["stopped"] is False
    grid.end(run)
    assert grid.beat(agent) == []
    grid.become("RUNNING")
    assert grid.beat(agent)[0]["type"] == "run"


def test_stop_lets_runs_finish(grid: Sweep) -> None:
    busy, idle = grid.agent(), grid.agent()
    run = grid.start(busy)
    grid.become("FINISHED")
    assert grid.beat(idle) == [dispatch.EXIT]
    assert grid.beat(busy, run) == [] and grid.log(run, 0, 1.0)["stopped"] is False
    grid.end(run)
    assert grid.beat(busy) == [dispatch.EXIT] and grid.states[run] == "finished"


def test_cancel_kills_runs(grid: Sweep) -> None:
    busy, waiting = grid.agent(), grid.agent()
    run, pending = grid.start(busy), grid.beat(waiting)[0]["run_id"]
    grid.become("CANCELED")
    assert grid.log(run, 0, 1.0)["stopped"] is True
    assert grid.beat(busy, run) == [dispatch.EXIT]
    grid.end(run, 255)
    assert grid.states == {run: "killed", pending: "killed"}


def test_unknown_agents_and_deleted_sweeps_are_404(graphql: GraphQL) -> None:
    assert graphql(HEARTBEAT, id="77", runState="{}")["status"] == 404


def test_stop_reaches_the_agent_after_a_grace(grid: Sweep, clock: Clock) -> None:
    agent = grid.agent()
    run = grid.start(agent)
    (edge,) = grid.read["runs"]["edges"]
    grid.graphql(STOP_RUN, id=edge["node"]["id"])
    assert grid.beat(agent, run) == []
    clock.now += dispatch.STOP_GRACE + 1
    assert grid.beat(agent, run) == [{"type": "stop", "run_id": run}]


def test_a_run_that_its_agent_no_longer_names_has_crashed(grid: Sweep, clock: Clock) -> None:
    agent = grid.agent()
    run = grid.start(agent)
    grid.become("PAUSED")
    clock.sleep(dispatch.LOST_AFTER - 5, lambda: grid.beat(agent))
    assert grid.states[run] == "running"
    clock.sleep(10, lambda: grid.beat(agent))
    assert grid.states[run] == "crashed"
    grid.log(run, 0, 1.0)
    assert grid.states[run] == "running"


def test_silence_is_a_crash_but_an_outage_is_not(grid: Sweep, backend: Backend, clock: Clock) -> None:
    agent, limit = grid.agent(), backend.settings.crash_after
    run = grid.start(agent)
    clock.now += limit + 1  # the server was stopped
    Monitor(backend).run_once()
    assert grid.states[run] == "running"
    clock.sleep(limit + 1, lambda: grid.beat(agent, run))
    clock.sleep(limit - 1)
    assert grid.states[run] == "running"
    clock.sleep(2)
    assert grid.states[run] == "crashed"


def test_a_run_whose_agent_is_gone_has_crashed_sooner(grid: Sweep, clock: Clock) -> None:
    witness, agent, orphaned = grid.agent(), grid.agent(), grid.agent()
    busy, run, survivor = grid.start(witness), grid.start(agent), grid.start(orphaned)

    def others() -> None:
        grid.beat(witness, busy)
        grid.log(survivor, 0, 1.0)

    clock.sleep(dispatch.AGENT_GONE_AFTER - 1, others)
    assert grid.states[run] == "running"
    clock.sleep(10, others)
    assert grid.states == {busy: "running", run: "crashed", survivor: "running"}


def test_a_run_without_an_agent_may_be_silent_for_longer(grid: Sweep, backend: Backend, clock: Clock) -> None:
    limit = backend.settings.crash_after
    grid.begin("alone")
    clock.sleep(limit - 1)
    assert grid.states["alone"] == "running"
    clock.sleep(2)
    assert grid.states["alone"] == "crashed"


def test_a_slow_search_delays_no_other_sweep(
    grid: Sweep, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_runs, "SEARCH_WAIT", 0.05)
    busy, idle, waiting = grid.agent(), grid.agent(), grid.agent()
    run = grid.start(busy)
    backend.searches.rebuild(int(grid.id))
    is_held, may_go, suggest = threading.Event(), threading.Event(), LiveSweep.suggest

    def slow(live: LiveSweep) -> ReadySuggestion | None:
        is_held.set()
        may_go.wait()
        return suggest(live)

    monkeypatch.setattr(LiveSweep, "suggest", slow)
    held = threading.Thread(target=grid.beat, args=(waiting,))
    held.start()
    is_held.wait()
    grid.log(run, 0, 1.0)
    assert grid.beat(busy, run) == [] and grid.beat(idle) == []
    assert grid.read["state"] == "RUNNING"
    may_go.set()
    held.join()
    assert grid.beat(idle)[0]["type"] == "run"


def test_a_search_that_fails_is_built_again(
    grid: Sweep, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = grid.agent()

    def fail(*_: object) -> None:
        raise RuntimeError("no luck")

    with monkeypatch.context() as patch:
        patch.setattr(new_runs, "_store", fail)
        answer = grid.graphql(HEARTBEAT, id=agent, runState="{}")
        assert "no luck" in answer["errors"][0]["message"]
    assert grid.start(agent) and len(grid.states) == 1


def test_run_cap_ends_the_sweep_when_its_last_run_ends(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "run_cap": 2})
    one, two = sweep.agent(), sweep.agent()
    last, first = sweep.start(one), sweep.start(two)
    sweep.end(first)
    assert sweep.beat(two) == [dispatch.EXIT] and sweep.read["state"] == "RUNNING"
    sweep.end(last)
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED"


def test_beyond_run_cap_a_schedulers_queue_waits_and_is_dropped_with_the_end_of_the_sweep(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    scheduled = {**RANDOM, "method": "custom", "scheduler": {"engine": "optuna"}, "run_cap": 2}
    sweep = Sweep(graphql, stream, scheduled)
    for a in (0.1, 0.2, 0.3):
        graphql(ENQUEUE_RUN, id=sweep.id, config=json.dumps({"a": a}))
    agents = [sweep.agent(), sweep.agent()]
    first, last = (sweep.start(agent) for agent in agents)
    (queued,) = sweep.states.keys() - {first, last}
    sweep.end(first, 1)
    sweep.stream(last, preempting=True)
    sweep.end(last, 1)
    (again,) = sweep.beat(agents[0])  # the preempted run, not the queued one
    assert again["run_id"] == last
    sweep.begin(last)
    Monitor(backend).run_once()
    assert sweep.states == {first: "failed", last: "running", queued: "pending"}
    assert sweep.beat(agents[1]) == [dispatch.EXIT] and sweep.read["state"] == "RUNNING"
    sweep.end(last)  # no agent is left to send a heartbeat
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED"
    assert sweep.states == {first: "failed", last: "finished", queued: "killed"}


def test_a_sweep_whose_last_run_ended_with_the_server_is_finished_by_the_next(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "run_cap": 1})
    agent = sweep.agent()
    run = sweep.start(agent)
    assert sweep.beat(sweep.agent()) == [dispatch.EXIT]
    sweep.end(run)
    backend.searches.take_reports()
    monitor = Monitor(backend)
    monitor.start()
    deadline = time.monotonic() + 10
    while sweep.read["state"] != "FINISHED" and time.monotonic() < deadline:
        time.sleep(0.05)
    monitor.stop()
    assert sweep.read["state"] == "FINISHED"


def test_one_broken_sweep_does_not_hold_up_the_others(
    graphql: GraphQL, stream: Stream, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Sweep(graphql, stream, RANDOM)
    whole = Sweep(graphql, stream, {**RANDOM, "run_cap": 1})
    with backend.database.write() as connection:
        sweeps.change(connection, int(broken.id), config="method: [")
    backend.searches.rebuild(int(broken.id))
    whole.end(whole.start(whole.agent()))
    backend.searches.mark_changed(int(broken.id))
    Monitor(backend).run_once()
    assert whole.read["state"] == "FINISHED" and "the server continues" in caplog.text


def test_a_restart_changes_no_suggestion(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "litsweep": {"seed": 3}})
    agent = sweep.agent()

    def advance(n: int, restart: bool) -> list[float]:
        values = []
        for i in range(n):
            if restart:
                backend.searches.rebuild(int(sweep.id))
            (command,) = sweep.beat(agent)
            run, value = command["run_id"], command["args"]["a"]["value"]
            sweep.begin(run, command["args"])
            sweep.log(run, 0, value, float("nan") if i % 2 else value / 2)
            sweep.end(run)
            values.append(value)
        return values

    with_restarts = advance(5, restart=True)
    sweep = Sweep(graphql, stream, {**RANDOM, "litsweep": {"seed": 3}})
    agent = sweep.agent()
    assert advance(5, restart=False) == with_restarts


def test_early_termination(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, HYPERBAND)
    runs = [sweep.start(sweep.agent()) for _ in range(4)]
    for rank, run in enumerate(runs):
        sweep.log(run, 0, *[1.0 + rank] * 3)
    Monitor(backend).run_once()
    asked = [sweep.stream(run)["stopped"] for run in runs]
    assert asked[0] is False and asked[-1] is True
    sweep.end(runs[-1], 1)
    assert sweep.states[runs[-1]] == "finished"
    Monitor(backend).run_once()
    assert sweep.read["bestLoss"] == 1.0


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"val": {"loss": 1.0}, "acc": 0.5, "name": "x"}, "loss, only acc, val.loss"),
        ({"loss": "NaN", "acc": 0.5}, "loss (the last was nan)"),
        ({"loss": "-Infinity"}, "loss (the last was -inf)"),
        ({}, "loss"),
    ],
)
def test_the_page_says_what_runs_logged_instead_of_the_metric(
    grid: Sweep, backend: Backend, row: dict[str, object], told: str
) -> None:
    run = grid.start(grid.agent())
    content = [json.dumps({"_step": 0, "_runtime": 1.5, **row}), json.dumps({"_step": 1, "epoch": None})]
    grid.stream(run, files={"wandb-history.jsonl": {"offset": 0, "content": content}})
    grid.end(run)
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(grid.id))
    assert record is not None
    assert json.loads(record.warnings) == [f"1 finished run logged no finite {told}"]


def test_a_crashed_run_that_reports_again_counts_normally(
    grid: Sweep, backend: Backend, clock: Clock
) -> None:
    """A run that counted as crashed reports again, and the search uses its values."""
    run = grid.start(grid.agent())
    clock.now += backend.settings.crash_after + 1
    other = grid.start(grid.agent())
    for number in (run, other):
        grid.log(number, 0, 1.0 if number == run else 2.0)
    watch = Monitor(backend)
    clock.sleep(backend.settings.crash_after + 1, lambda: grid.log(other, 1, 2.0))
    assert grid.states == {run: "crashed", other: "running"}
    watch.run_once()
    assert grid.read["bestLoss"] == 2.0
    grid.log(run, 1, 0.5)
    grid.end(run)
    watch.run_once()
    assert grid.read["bestLoss"] == 0.5


def test_a_run_started_anew_is_read_from_its_beginning(grid: Sweep, backend: Backend) -> None:
    """The monitor's next round comes when the new history is longer than the old one."""
    run = grid.start(grid.agent())
    grid.log(run, 0, 0.1, 0.2)
    watch = Monitor(backend)
    watch.run_once()
    assert grid.read["bestLoss"] == 0.1
    grid.stream(run, preempting=True)
    grid.end(run, 1)
    grid.beat(grid.agent())
    grid.begin(run)
    grid.log(run, 0, 0.9, 0.8, 0.7)
    watch.run_once()
    assert grid.read["bestLoss"] == 0.7


def test_a_change_whose_processing_failed_is_processed_later(
    grid: Sweep, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, watch = grid.start(grid.agent()), Monitor(backend)
    grid.log(run, 0, 1.0)
    with monkeypatch.context() as patched:
        patched.setattr(sweeps, "get", lambda *_: 1 / 0)
        watch.run_once()
    watch.run_once()
    assert grid.read["bestLoss"] == 1.0


def test_a_deleted_run_is_not_the_best(grid: Sweep, backend: Backend) -> None:
    runs, watch = [grid.start(grid.agent()) for _ in range(2)], Monitor(backend)
    for run, loss in zip(runs, (1.0, 2.0), strict=True):
        grid.log(run, 0, loss)
        grid.end(run)
    watch.run_once()
    assert grid.read["bestLoss"] == 1.0
    ids = {edge["node"]["name"]: edge["node"]["id"] for edge in grid.read["runs"]["edges"]}
    grid.graphql(DELETE_RUN, id=ids[runs[0]])
    watch.run_once()
    assert grid.read["bestLoss"] == 2.0


def test_deleting_a_run_makes_room_in_a_grid(grid: Sweep) -> None:
    agent = grid.agent()
    (command,) = grid.beat(agent)
    (edge,) = grid.read["runs"]["edges"]
    grid.graphql(DELETE_RUN, id=edge["node"]["id"])
    assert grid.beat(agent)[0]["args"] == command["args"]


def test_prior_runs_are_not_done_again(graphql: GraphQL, stream: Stream) -> None:
    graphql(
        UPSERT_RUN, name="old", project="p", entity="local", config='{"a": {"value": 1}, "b": {"value": "x"}}'
    )
    filters = json.dumps({"$or": [{"name": "old"}]})
    sweep = Sweep(graphql, stream, GRID, priorRunsFilters=filters)
    (command,) = sweep.beat(sweep.agent())
    assert command["args"] != {"a": {"value": 1}, "b": {"value": "x"}}


def test_a_prior_run_that_does_not_exist_is_refused(graphql: GraphQL) -> None:
    graphql(UPSERT_RUN, name="old", project="p", entity="local", config="{}")
    filters = json.dumps({"$or": [{"name": "old"}, {"name": "nosuch"}]})
    answer = graphql(UPSERT_SWEEP, config=yaml.dump(GRID), priorRunsFilters=filters)
    assert answer["data"]["upsertSweep"] is None
    assert "--prior_run nosuch: no such run in project local/p" in answer["errors"][0]["message"]


def test_a_faulty_config_is_refused_with_every_fault(graphql: GraphQL) -> None:
    config = {**GRID, "parameters": {"a": {"min": 3, "max": 1}, "b": {"distribution": "wrong"}}}
    answer = graphql(UPSERT_SWEEP, config=yaml.dump(config))
    (error,) = answer["errors"]
    assert "parameters.a" in error["message"] and "parameters.b" in error["message"]


def test_a_deleted_run_that_reports_again_does_not_block_the_sweep(grid: Sweep) -> None:
    """Its client has brought its name back, outside the sweep. The search would give this name once more."""
    agent = grid.agent()
    run = grid.start(agent)
    (found,) = [edge["node"] for edge in grid.read["runs"]["edges"]]
    grid.graphql(DELETE_RUN, id=found["id"])
    grid.graphql(UPSERT_RUN, name=run, project="p", entity="local", config="{}")
    seen = []
    while (commands := grid.beat(agent)) != [{"type": "exit"}]:
        seen.append(commands[0]["run_id"])
        grid.begin(seen[-1])
        grid.end(seen[-1])
    assert run not in seen
    assert len(set(seen)) == 4 and grid.read["state"] == "FINISHED"
