"""Pauses on a real server: the runs are those of a controller, though the server is killed meanwhile."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from litsweep.search.controller import Controller, seed_for_sweep
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.run import Suggestion
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

LENGTH = 12
CONFIG: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"a": {"min": 0.0, "max": 1.0}, "b": {"min": 0.0, "max": 1.0}},
    "litsweep": {"early_terminate": {"type": "freeze_thaw", "max_iter": LENGTH}},
}
RUN = """query Run($name: String!) { project(name: "p", entityName: "local") {
  run(name: $name) { state stopped trainTo historyLineCount } } }"""
Start = tuple[str, int | None]


def losses(parameters: dict[str, Any]) -> list[float]:
    """Return the learning curve of a config."""
    return [(parameters["a"] - 0.3) ** 2 + parameters["b"] + 1 / (1 + epoch) for epoch in range(LENGTH)]


def controlled(name: str, config: dict[str, Any]) -> Iterator[Start]:
    """Yield the starts of a controller's runs, one after another: the run, and where it is paused."""
    search = Controller(parse_sweep(yaml.dump(config)), seed=seed_for_sweep(name), namespace=name)
    while suggested := search.ask():
        (suggestion,) = suggested
        yield suggestion.id, suggestion.reason.train_to
        search.tell(
            suggestion.id, _history(suggestion), "finished" if _end(suggestion) is None else "preempted"
        )
        for id in search.runs_to_give_up():
            search.tell(id, state="finished", stopped_early=True)


def _end(suggestion: Suggestion) -> int | None:
    return suggestion.reason.train_to


def _history(suggestion: Suggestion) -> list[dict[str, float]]:
    return [{"loss": loss} for loss in losses(dict(suggestion.parameters))[: _end(suggestion)]]


class Agent:
    """The one agent of a sweep. Its runs pause themselves, or wait until the server asks for it."""

    def __init__(self, server: LiveServer, config: dict[str, Any]) -> None:
        self.server = server
        made = server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]
        self.name: str = made["name"]
        self._id = server.graphql(CREATE_AGENT, sweep=self.name)["createAgent"]["agent"]["id"]

    def take(self) -> tuple[str, dict[str, Any]] | None:
        """Get the next run and start it. Return its name and parameters; None at the end of the sweep."""
        commands: list[dict[str, Any]] = []
        while not commands:
            answer = self.server.graphql(HEARTBEAT, id=self._id, runState="{}")
            commands = json.loads(answer["agentHeartbeat"]["commands"])
        if commands[0]["type"] == "exit":
            return None
        run, args = commands[0]["run_id"], commands[0]["args"]
        names = {"project": "p", "entity": "local", "sweep": self.name}
        self.server.graphql(UPSERT_RUN, name=run, config=json.dumps(args), **names)
        return run, {name: entry["value"] for name, entry in args.items()}

    def read(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.graphql(RUN, name=run)["project"]["run"]
        return found

    def train(self, run: str, parameters: dict[str, Any]) -> int | None:
        """Log what the run was started for. Return where it is paused."""
        known = self.read(run)
        first, end = known["historyLineCount"], known["trainTo"]
        rows = [
            json.dumps({"_step": step, "loss": loss})
            for step, loss in enumerate(losses(parameters)[first:end], first)
        ]
        self.stream(run, files={"wandb-history.jsonl": {"offset": first, "content": rows}})
        return end  # type: ignore[no-any-return]

    def stream(self, run: str, **chunk: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.server.post(f"/files/local/p/{run}/file_stream", chunk)
        return answer

    def wait_for_the_stop(self, run: str) -> None:
        until = time.monotonic() + 30
        while not self.stream(run)["stopped"]:
            assert time.monotonic() < until, "the run was not asked to pause"
            time.sleep(0.05)


@pytest.mark.parametrize("cap", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_a_sweep_with_paused_runs_is_a_controller_s_though_the_server_is_killed(
    server: LiveServer, cap: int
) -> None:
    config = {**CONFIG, "run_cap": cap}
    agent, found = Agent(server, config), list[Start]()
    summary = {"wandb-summary.json": {"offset": 0, "content": ['{"stop_reason": "paused"}']}}
    while (taken := agent.take()) is not None:
        run, parameters = taken
        end = agent.train(run, parameters)
        found.append((run, end))
        waits = end is not None and len(found) % 5 == 1
        if waits:
            agent.wait_for_the_stop(run)
        if len(found) in (1, cap):  # once between the request to pause and the end, once while others wait
            server.kill()
            server.start()
        if waits:
            agent.stream(run, complete=True, exitcode=255)
        else:
            agent.stream(run, files=summary if end else {}, complete=True, exitcode=0)
        assert agent.read(run)["state"] == ("finished" if end is None else "preempted")
    assert found == list(controlled(agent.name, config))
    assert len({run for run, _ in found}) == cap < len(found)
    states = [agent.read(run)["state"] for run, _ in found]
    assert set(states) == {"finished"} and "Traceback" not in server.log.read_text()
