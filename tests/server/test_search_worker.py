"""The search worker: suggestions are ready, the same as a `Controller`'s, and survive the worker's death."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.search.controller import Controller, seed_for_sweep
from litsweep.server import search_state, search_worker, searches
from litsweep.server.backend import Backend
from litsweep.server.monitor import Monitor
from litsweep.server.search_process import SearchProcess
from litsweep.server.search_protocol import Answer, Message, ReadySuggestion, Request
from litsweep.server.search_worker import SearchWorker
from litsweep.server.store import sweeps
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.config import parse_sweep
from tests.live_server import LiveServer
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP
from tests.server.test_dispatch import GRID, RANDOM, Sweep

PARAMETERS: dict[str, Any] = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 4},
    "bias": {"values": [True, False]},
}
METHODS: dict[str, dict[str, Any]] = {
    "grid": GRID,
    "random": {**RANDOM, "parameters": PARAMETERS},
    "bayes": {**RANDOM, "method": "bayes", "parameters": PARAMETERS},
}
RUNS = {"grid": 4, "random": 8, "bayes": 9}


def losses(parameters: dict[str, Any]) -> list[float]:
    """Return what a run with these parameters logs."""
    first = sum(len(str(value)) for value in parameters.values())
    return [first + 1.0, first + 0.5]


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Return True for a process that is not dead or a zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def worker_of(server_pid: int) -> int | None:
    """Return the process id of a server's search worker."""
    for task in Path(f"/proc/{server_pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if search_worker.__name__ in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    return None


class Agent:
    """The one agent of a sweep on a live server."""

    def __init__(self, server: LiveServer, config: dict[str, Any]) -> None:
        self._server = server
        self.name = server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]["name"]
        self._id = server.graphql(CREATE_AGENT, sweep=self.name)["createAgent"]["agent"]["id"]

    def advance(self) -> tuple[str, dict[str, Any]] | None:
        """Execute the next run. Return its name and parameters; None at the end of the sweep."""
        commands: list[dict[str, Any]] = []
        while not commands:
            answer = self._server.graphql(HEARTBEAT, id=self._id, runState="{}")
            commands = json.loads(answer["agentHeartbeat"]["commands"])
        if commands[0]["type"] == "exit":
            return None
        run, args = commands[0]["run_id"], commands[0]["args"]
        names = {"project": "p", "entity": "local", "sweep": self.name}
        self._server.graphql(UPSERT_RUN, name=run, config=json.dumps(args), **names)
        parameters = {name: entry["value"] for name, entry in args.items()}
        rows = [json.dumps({"_step": step, "loss": loss}) for step, loss in enumerate(losses(parameters))]
        path = f"/files/local/p/{run}/file_stream"
        self._server.post(path, {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}})
        self._server.post(path, {"complete": True, "exitcode": 0})
        return run, parameters


def controlled(config: dict[str, Any], name: str, n: int) -> list[tuple[str, dict[str, Any]] | None]:
    """Return the first `n` runs of a `Controller`, one after another."""
    search = Controller(parse_sweep(yaml.dump(config)), seed=seed_for_sweep(name), namespace=name)
    found: list[tuple[str, dict[str, Any]] | None] = []
    for _ in range(n):
        suggested = search.ask()
        if not suggested:
            found.append(None)
            continue
        (suggestion,) = suggested
        history = [{"loss": loss} for loss in losses(dict(suggestion.parameters))]
        search.tell(suggestion.id, history, state="finished")
        found.append((suggestion.id, dict(suggestion.parameters)))
    return found


def test_one_agent_s_sweep_is_a_controller_s_though_server_and_worker_are_killed(server: LiveServer) -> None:
    agents = {method: Agent(server, config) for method, config in METHODS.items()}
    found: dict[str, list[Any]] = {method: [] for method in METHODS}
    for i in range(max(RUNS.values())):
        if i == 7:
            server.kill()
            server.start()
        if i == 5:
            worker = worker_of(server.pid)
            assert worker is not None
            os.kill(worker, signal.SIGKILL)
        for method, agent in agents.items():
            if i <= RUNS[method]:
                found[method].append(agent.advance())
    for method, config in METHODS.items():
        assert found[method] == controlled(config, agents[method].name, len(found[method])), method
    assert found["grid"][-1] is None and server.log.read_text().count("Traceback") == 0


def test_only_the_worker_imports_the_search_and_it_ends_with_the_server(server: LiveServer) -> None:
    assert Agent(server, METHODS["bayes"]).advance()
    worker = worker_of(server.pid)
    assert worker is not None
    libraries = {pid: Path(f"/proc/{pid}/maps").read_text() for pid in (server.pid, worker)}
    assert "torch" in libraries[worker]
    assert not any(name in libraries[server.pid] for name in ("torch", "numpy", "scipy"))
    command = Path(f"/proc/{worker}/cmdline").read_text()
    assert str(server.data_dir) not in command, "the address of a database may hold a password"
    server.kill()
    wait_until(lambda: not is_alive(worker))
    server.start()
    wait_until(lambda: worker_of(server.pid))
    again = worker_of(server.pid)
    assert again is not None and server.stop() == 0 and not is_alive(again)


@pytest.fixture
def worked(backend: Backend) -> Iterator[Backend]:
    """Return the backend with a worker process."""
    backend.searches.start(backend.settings.url)
    yield backend
    backend.searches.stop()


def record_of(backend: Backend, sweep: Sweep) -> SweepRecord:
    with backend.database.read() as connection:
        found = sweeps.get(connection, int(sweep.id))
    assert found is not None
    return found


def test_a_dead_worker_and_a_broken_sweep_stop_no_other_sweep(
    graphql: GraphQL, stream: Stream, worked: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = Sweep(graphql, stream, RANDOM), Sweep(graphql, stream, GRID)
    with worked.database.write() as connection:
        sweeps.change(connection, int(broken.id), config="method: [")
    worked.searches.rebuild(int(broken.id))
    agent, monitor = whole.agent(), Monitor(worked)
    assert broken.beat(broken.agent()) == []
    runs = [whole.start(agent)]
    pids = [worked.searches.worker_pid]
    assert pids[0] is not None
    os.kill(pids[0], signal.SIGKILL)
    whole.end(runs[0])
    runs += [whole.start(whole.agent()), whole.start(whole.agent())]
    assert len(set(runs)) == 3
    # These runs were ready, so none has waited for the new worker.
    wait_until(lambda: worked.searches.worker_pid not in [*pids, None])

    def warns() -> bool:
        monitor.run_once()
        return "is tried again" in record_of(worked, broken).warnings

    wait_until(warns)
    assert caplog.text.count(f"sweep number {broken.id} failed") == 1
    assert "YAML" in record_of(worked, broken).warnings
    with worked.database.write() as connection:
        sweeps.change(connection, int(broken.id), config=yaml.dump(RANDOM))
    worked.searches.rebuild(int(broken.id))
    wait_until(lambda: broken.beat(broken.agent()))
    wait_until(lambda: not warns())


def test_a_suggestion_is_ready_and_stored_for_the_next_server(
    graphql: GraphQL, stream: Stream, worked: Backend
) -> None:
    bayes = Sweep(graphql, stream, METHODS["bayes"])
    agent = bayes.agent()
    for _ in range(2):
        run = bayes.start(agent)
        bayes.log(run, 0, 0.5)
        bayes.end(run)
    monitor = Monitor(worked)

    def restored() -> list[ReadySuggestion]:
        """Return what a new worker finds without computing anything."""
        monitor.run_once()
        sent: list[Message] = []
        fresh = SearchWorker(worked.database, sent.append)
        fresh.receive(Request(int(bayes.id), 1, None, False, 0, 0, 0))
        fresh.work()
        answers = [message for message in sent if isinstance(message, Answer)]
        assert all(answer.suggestions == answers[0].suggestions for answer in answers)
        return list(answers[0].suggestions)

    wait_until(restored)
    (ready,) = restored()
    before = time.monotonic()
    assert bayes.beat(agent)[0]["run_id"] == ready.name and time.monotonic() < before + 1


def test_a_sweep_that_gets_no_runs_is_dropped_from_the_worker(
    graphql: GraphQL, stream: Stream, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(graphql, stream, {**RANDOM, "run_cap": 1})
    sweep.end(sweep.start(sweep.agent()))
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED"
    backend.searches.mark_changed(int(sweep.id))
    Monitor(backend).run_once()
    worker = backend.searches._local
    assert worker is not None and len(worker._sweeps) == 1
    worker.drop_unused()
    assert len(worker._sweeps) == 1
    monkeypatch.setattr(search_worker, "UNUSED_AFTER", -1.0)
    worker.drop_unused()
    assert not worker._sweeps and not backend.searches._states


def test_a_worker_that_cannot_start_is_tried_again(
    graphql: GraphQL, stream: Stream, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [BlockingIOError(11, "no more processes"), TypeError("a message of another version")]

    class Process(SearchProcess):
        def __init__(self, database_url: str) -> None:
            if len(failures) == 2:
                raise failures.pop(0)
            super().__init__(database_url)

        def receive(self) -> Message:
            if failures:
                raise failures.pop(0)
            return super().receive()

    monkeypatch.setattr(searches, "SearchProcess", Process)
    monkeypatch.setattr(searches, "LONGEST_BACKOFF", 0.01)
    sweep = Sweep(graphql, stream, GRID)
    backend.searches.start(backend.settings.url)
    try:
        assert sweep.start(sweep.agent()) and not failures
    finally:
        backend.searches.stop()


def test_questions_for_the_best_run_use_up_no_threads_and_end_with_the_server(
    graphql: GraphQL, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "MOST_BLOCKED", 2)
    created = graphql(UPSERT_SWEEP, config=yaml.dump(RANDOM))["data"]["upsertSweep"]["sweep"]
    silent = threading.Thread(target=time.sleep, args=(0,))
    silent.start()
    backend.searches._threads.append(silent)
    asked = [
        threading.Thread(target=backend.searches.best_run, args=(int(created["id"]), 60.0)) for _ in range(5)
    ]
    for thread in asked:
        thread.start()
    wait_until(lambda: sum(thread.is_alive() for thread in asked) == 2, 5)
    backend.searches.stop()
    wait_until(lambda: not any(thread.is_alive() for thread in asked), 5)


def test_a_finished_sweep_leaves_nothing_in_server_and_worker(
    graphql: GraphQL, stream: Stream, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, left, monitor = Sweep(graphql, stream, GRID), Sweep(graphql, stream, RANDOM), Monitor(backend)
    agent = grid.agent()
    while (commands := grid.beat(agent)) != [{"type": "exit"}]:
        grid.begin(commands[0]["run_id"])
        grid.end(commands[0]["run_id"])
    left.end(left.start(left.agent()))
    monitor.run_once()
    assert grid.read["state"] == "FINISHED" and set(backend.searches._states) == {int(grid.id), int(left.id)}
    monkeypatch.setattr(search_state, "CHECK_AFTER", -1.0)
    monkeypatch.setattr(search_state, "ASKS_AGAIN", -1.0)
    monitor.run_once()
    assert set(backend.searches._states) == {int(left.id)}
    monkeypatch.setattr(search_worker, "AGENT_LIVES_FOR", -1.0)
    monkeypatch.setattr(search_worker, "UNUSED_AFTER", -1.0)
    monitor.run_once()
    assert not backend.searches._states and backend.searches._local is not None
    backend.searches._local.drop_unused()
    assert not backend.searches._local._sweeps
