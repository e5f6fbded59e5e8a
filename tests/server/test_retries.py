"""Retries: which runs, how often, and what the search, the sweep and the agents make of them."""

import json
from typing import Any

import pytest

from litsweep.search.controller import Controller, seed_for_sweep
from litsweep.server import dispatch, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.monitor import Monitor
from litsweep.server.store import runs, sweeps
from litsweep.sweep.config import parse_sweep
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import STOP_RUN
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import GRID, HYPERBAND, RANDOM, Sweep

RETRY = """
mutation RetryRuns($input: RetryRunsInput!) {
  retryRuns(input: $input) {
    sweep { state } retried { attempt why run { name displayName state retryOf } repeats { name } }
    refused { name why } } }"""
ONE_POINT = {**GRID, "parameters": {"a": {"values": [1]}}}


def retry(sweep: Sweep, *names: str, states: tuple[str, ...] = (), limit: int = 3) -> dict[str, Any]:
    chosen = {"runs": list(names), "states": list(states), "limit": limit}
    home = {"entityName": "local", "projectName": "p", "sweep": sweep.name}
    answer = sweep.graphql(RETRY, input=home | chosen)
    if answer["status"] == 400:
        return {"error": answer["errors"][0]["message"]}
    assert answer["status"] == 200, answer
    found: dict[str, Any] = answer["data"]["retryRuns"]
    return found


def run_to_end(sweep: Sweep, agent: str, exitcode: int = 0, *losses: float) -> str:
    name = sweep.start(agent)
    sweep.log(name, 0, *losses)
    sweep.end(name, exitcode)
    return name


def test_a_failed_run_runs_again_and_the_sweep_goes_on_until_it_has_ended(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, GRID)
    agent = sweep.agent()
    failed, *others = [run_to_end(sweep, agent, code, 1.0) for code in (1, 0, 0, 0)]
    assert sweep.beat(agent) == [dispatch.EXIT] and sweep.read["state"] == "FINISHED"

    (done,) = retry(sweep, states=("failed",))["retried"]
    assert done["attempt"] == 2 and done["run"]["state"] == "pending"
    assert done["run"]["retryOf"] == done["repeats"]["name"] == failed
    assert done["run"]["displayName"] == "run-1 (retry 1)"
    assert done["why"] == f"retry of {failed}, which failed (error)"
    assert sweep.read["state"] == "RUNNING" and sweep.states[failed] == "failed"

    (command,) = sweep.beat(sweep.agent())
    assert command["run_id"] == done["run"]["name"]
    assert {key: value["value"] for key, value in command["args"].items()} == {"a": 1, "b": "x"}
    sweep.begin(command["run_id"], command["args"])
    assert sweep.read["state"] == "RUNNING"
    sweep.log(command["run_id"], 0, 0.1)
    sweep.end(command["run_id"])
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED" and sweep.read["bestLoss"] == 0.1
    assert list(sweep.states) == [failed, *others, command["run_id"]]
    with backend.database.read() as connection:
        record, old = sweeps.get(connection, int_id(sweep)), runs.find(connection, 1, failed)
        assert record is not None and old is not None
        assert old.summary_values["retried_as"] == command["run_id"] and old.history_lines == 1
        shown = page_of(backend, connection, record)
    assert shown["sweep"]["expected"] == 5 and shown["best"] == command["run_id"]


def int_id(sweep: Sweep) -> int:
    return int(sweep.id)


def test_a_config_has_a_limited_number_of_runs(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, ONE_POINT)
    agent = sweep.agent()
    first = run_to_end(sweep, agent, 1)
    names = [first]
    for attempt in (2, 3):
        (done,) = retry(sweep, first)["retried"]  # the first id names the config, whichever attempt failed
        assert done["attempt"] == attempt and done["repeats"]["name"] == names[-1]
        names.append(run_to_end(sweep, agent, 1))
    (refused,) = retry(sweep, states=("failed",))["refused"]
    assert refused == {"name": names[-1], "why": "its config has had 3 runs; --limit 4 allows one more"}
    assert len(retry(sweep, states=("failed",), limit=4)["retried"]) == 1
    assert list(sweep.states.values()) == ["failed"] * 3 + ["pending"]


def test_only_a_config_without_a_result_runs_again(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, GRID)
    agent = sweep.agent()
    good, bad = run_to_end(sweep, agent, 0, 1.0), run_to_end(sweep, agent, 1)
    running = sweep.start(agent)
    retried = retry(sweep, good, bad, running, "nosuchid", bad)
    (made,) = retried["retried"]
    assert {each["name"]: each["why"] for each in retried["refused"]} == {
        good: "it has a result; it is finished",
        running: "it has not ended; it is running",
        "nosuchid": f"sweep {sweep.name} has no run with this id",
    }
    again = retry(sweep, bad, states=("failed", "crashed"))
    assert again["refused"][0]["why"] == f"its retry {made['run']['name']} has not ended; it is pending"
    assert again["retried"] == []


def test_killed_and_unreported_runs_run_again(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, GRID)
    agent = sweep.agent()
    killed = run_to_end(sweep, agent, 255)
    (command,) = sweep.beat(agent)
    sweep.beat(agent, command["run_id"])
    sweep.beat(agent)  # it was named and is not any more: it ended without a report
    done = retry(sweep, killed, states=("failed",))["retried"]
    assert {each["repeats"]["name"]: each["why"].partition(", which ")[2] for each in done} == {
        killed: "was killed (signal)",
        command["run_id"]: "failed (unreported)",
    }


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_run_and_its_retry_are_one_run_for_the_search(
    graphql: GraphQL, stream: Stream, backend: Backend, method: str
) -> None:
    config = {**RANDOM, "method": method, "run_cap": 4}
    sweep = Sweep(graphql, stream, config)
    agent, losses = sweep.agent(), (0.3, 0.2, 0.1, 0.4)
    failed = run_to_end(sweep, agent, 1)
    run_to_end(sweep, agent, 0, losses[1])
    retry(sweep, failed)
    again = run_to_end(sweep, agent, 0, losses[0])
    for loss in losses[2:]:
        backend.searches.rebuild(int_id(sweep))  # as after a restart
        run_to_end(sweep, agent, 0, loss)
    assert sweep.beat(agent) == [dispatch.EXIT]

    alone = Controller(parse_sweep(config), seed=seed_for_sweep(sweep.name), namespace=sweep.name)
    expected = []
    for i, loss in enumerate(losses):
        (suggestion,) = alone.ask()
        expected.append((suggestion.id, dict(suggestion.parameters)))
        alone.tell(suggestion.id, [{"loss": loss}], "failed" if i == 0 else "finished")
        if i == 1:
            alone.tell(expected[0][0], [{"loss": losses[0]}], "finished")
    with backend.database.read() as connection:
        found = runs.of_sweep(connection, int_id(sweep))
    suggested = [(run.name, json.loads(run.parameters or "")) for run in found if run.name != again]
    assert suggested == expected


def test_a_stopped_sweep_runs_only_its_retries(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, RANDOM)
    agent = sweep.agent()
    failed = run_to_end(sweep, agent, 1)
    sweep.become("FINISHED")
    retry(sweep, failed)
    with backend.database.read() as connection:
        record = sweeps.get(connection, int_id(sweep))
    assert record is not None and record.done_because == sweep_states.STOPPED
    again = sweep.start(agent)
    assert sweep.beat(sweep.agent()) == [dispatch.EXIT]
    sweep.end(again)
    assert sweep.beat(agent) == [dispatch.EXIT]
    assert sweep.read["state"] == "FINISHED" and len(sweep.states) == 2


def test_a_paused_sweep_stays_paused(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, RANDOM)
    agent = sweep.agent()
    failed = run_to_end(sweep, agent, 1)
    sweep.become("PAUSED")
    assert retry(sweep, failed)["sweep"]["state"] == "PAUSED"
    assert sweep.beat(agent) == []


def test_a_retry_can_be_stopped_and_retried(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, ONE_POINT)
    failed = run_to_end(sweep, sweep.agent(), 1)
    (made,) = retry(sweep, failed)["retried"]
    nodes = [edge["node"] for edge in sweep.read["runs"]["edges"]]
    graphql(STOP_RUN, id=nodes[-1]["id"])
    assert sweep.states[made["run"]["name"]] == "killed"
    assert retry(sweep, made["run"]["name"])["retried"][0]["attempt"] == 3


def test_sweeps_that_have_no_retries(graphql: GraphQL, stream: Stream) -> None:
    sweep = Sweep(graphql, stream, RANDOM)
    failed = run_to_end(sweep, sweep.agent(), 1)
    assert "at least 2" in retry(sweep, failed, limit=1)["error"]
    sweep.become("CANCELED")
    assert "wandb sweep --resume" in retry(sweep, failed)["error"]
    queued = Sweep(graphql, stream, {**RANDOM, "method": "custom", "scheduler": {"engine": "optuna"}})
    assert "its own scheduler" in retry(queued, failed)["error"]


def test_early_termination_stops_a_retry(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, HYPERBAND)
    agent = sweep.agent()
    failed = run_to_end(sweep, agent, 1)
    for _ in range(3):
        run_to_end(sweep, agent, 0, *([0.1] * 8))
    retry(sweep, failed)
    again = sweep.start(agent)
    sweep.log(again, 0, *([9.0] * 4))
    Monitor(backend).run_once()
    stopped = {edge["node"]["name"]: edge["node"]["stopped"] for edge in sweep.read["runs"]["edges"]}
    assert [name for name, is_stopped in stopped.items() if is_stopped] == [again]
