"""Repeats of a sweep's leaders: which runs, what their agents get, and what the sweep makes of them."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection

from litsweep.server import dispatch
from litsweep.server.backend import Backend
from litsweep.server.comparison_view import comparison_view
from litsweep.server.monitor import Monitor
from litsweep.server.store import repeats, runs, sweeps
from litsweep.server.store.sweeps import SweepRecord
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import DELETE_RUN
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import Sweep
from tests.server.test_retries import retry, run_to_end

CONFIRM = """
mutation ConfirmRuns($input: ConfirmRunsInput!) {
  confirmRuns(input: $input) { sweep { state } queued { name displayName config } confirmed } }"""
GRID: dict[str, Any] = {
    "method": "grid",
    "program": "train.py",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"a": {"values": [1, 2, 3]}, "net": {"parameters": {"seed": {"value": 7}}}},
}


def confirm(sweep: Sweep, top: int = 2, seeds: int = 3, parameter: str = "net.seed") -> dict[str, Any]:
    chosen = {"top": top, "seeds": seeds, "parameter": parameter}
    home = {"entityName": "local", "projectName": "p", "sweep": sweep.name}
    answer = sweep.graphql(CONFIRM, input=home | chosen)
    if answer["status"] == 400:
        return {"error": answer["errors"][0]["message"]}
    assert answer["status"] == 200, answer
    found: dict[str, Any] = answer["data"]["confirmRuns"]
    return found


def finished(graphql: GraphQL, stream: Stream, config: dict[str, Any] = GRID) -> tuple[Sweep, str]:
    """Return a sweep whose runs have the losses 1, 2, 3 and so on, and an agent."""
    sweep = Sweep(graphql, stream, config)
    agent, loss = sweep.agent(), 1.0
    while (command := sweep.beat(agent)[0])["type"] == "run":
        sweep.begin(command["run_id"], command["args"])
        sweep.log(command["run_id"], 0, loss)
        sweep.end(command["run_id"])
        loss += 1
    assert sweep.read["state"] == "FINISHED"
    return sweep, agent


def repeat_all(
    sweep: Sweep, agent: str, losses: dict[int, float], spread: float = 0.1
) -> list[tuple[int, int]]:
    """Run the repeats, with losses around that of the config. Return the config and the seed of each."""
    found = []
    while (command := sweep.beat(agent)[0])["type"] == "run":
        a, seed = command["args"]["a"]["value"], command["args"]["net"]["value"]["seed"]
        sweep.begin(command["run_id"], command["args"])
        sweep.log(command["run_id"], 0, losses[a] + spread * (-1) ** seed)
        sweep.end(command["run_id"])
        found.append((a, seed))
    return found


def record_of(connection: Connection, sweep: Sweep) -> SweepRecord:
    found = sweeps.find(connection, sweep.name)
    assert found is not None
    return found


def view_of(backend: Backend, sweep: Sweep) -> dict[str, Any]:
    with backend.database.read() as connection:
        record = record_of(connection, sweep)
        view = comparison_view(connection, record)
        assert view == page_of(backend, connection, record)["confirmed"]
    assert view is not None
    return view


def test_the_leaders_are_repeated_with_other_seeds_until_it_is_decided(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep, agent = finished(graphql, stream)
    answer = confirm(sweep, top=2, seeds=20)
    assert answer["sweep"]["state"] == "RUNNING"
    assert answer["queued"]["displayName"] == "run-1 (net.seed 1)"
    assert json.loads(answer["queued"]["config"]) == {"a": {"value": 1}, "net": {"value": {"seed": 1}}}
    # The second config is the better one: the first was lucky.
    found = repeat_all(sweep, agent, {1: 5.0, 2: 1.0})
    assert {seed for a, seed in found if a == 1} >= {1, 2} and {a for a, _ in found} == {1, 2}
    assert 4 <= len(found) < 10 and sweep.read["state"] == "FINISHED"
    assert sweep.beat(agent) == [dispatch.EXIT]
    view = view_of(backend, sweep)
    best, other = view["configs"]
    assert view["is_decided"] and view["is_over"] and best["title"] == "run-2"
    assert best["low"] < best["mean"] < best["high"] < other["low"] and best["probability"] > 0.95
    assert "it was selected for its low value" in view["text"]
    # The search still knows three runs, and the grid three points.
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        page = page_of(backend, connection, record_of(connection, sweep))
    assert page["grid"]["text"].startswith("grid of 3 points: 3 done")
    assert sweep.read["runCountExpected"] == 3 and page["sweep"]["done_because"] == "exhausted"


def test_the_repeats_end_at_the_budget_and_more_seeds_go_on(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep, agent = finished(graphql, stream)
    confirm(sweep, top=2, seeds=3)
    assert len(repeat_all(sweep, agent, {1: 1.0, 2: 1.01}, spread=3.0)) == 6
    view = view_of(backend, sweep)
    assert not view["is_decided"] and view["is_over"] and "6 of at most 6 repeats" in view["text"]
    assert "more --seeds may decide it" in view["text"]
    assert confirm(sweep, top=2, seeds=3)["queued"] is None
    assert sweep.read["state"] == "FINISHED"
    confirm(sweep, top=2, seeds=4)
    seeds = repeat_all(sweep, agent, {1: 1.0, 2: 1.01}, spread=3.0)
    assert len(seeds) == 2 and min(seed for _, seed in seeds) > 2


def test_two_agents_share_the_repeats_and_a_failed_one_counts(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep, one = finished(graphql, stream)
    other = sweep.agent()
    confirm(sweep, top=2, seeds=2)
    running = [sweep.start(agent) for agent in (one, other)]
    assert retry(sweep, running[0])["refused"][0]["why"].startswith("it has not ended")
    sweep.end(running[0], 1)
    why = retry(sweep, states=("failed",))["refused"][0]["why"]
    assert why == "it repeats another run's config; `litsweep confirm` decides which config is repeated next"
    sweep.log(running[1], 0, 1.0)
    sweep.end(running[1])
    assert len(repeat_all(sweep, one, {1: 1.0, 2: 2.0})) == 2
    assert sum(row["failed"] for row in view_of(backend, sweep)["configs"]) == 1


def test_a_deleted_leader_is_not_repeated(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep, agent = finished(graphql, stream)
    confirm(sweep, top=2, seeds=2)
    run_to_end(sweep, agent, 0, 1.0)
    with backend.database.read() as connection:
        record = record_of(connection, sweep)
        (repeat,) = repeats.of_sweep(connection, record.id)
        leaders = [
            run for run in runs.of_sweep(connection, record.id) if run.display_name in ("run-1", "run-2")
        ]
    assert repeat.parameters == leaders[0].parameters and repeat.display_name == "run-1 (net.seed 1)"
    for run in leaders:
        names = {edge["node"]["name"]: edge["node"]["id"] for edge in sweep.read["runs"]["edges"]}
        assert graphql(DELETE_RUN, id=names[run.name])["status"] == 200
    assert sweep.beat(agent) == [dispatch.EXIT] and sweep.read["state"] == "FINISHED"


def test_configs_that_differ_in_the_seed_only_are_one_config(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    parameters = {"a": {"values": [1, 2]}, "seed": {"values": [1, 2]}}
    sweep, _ = finished(graphql, stream, {**GRID, "parameters": parameters})
    answer = confirm(sweep, top=5, parameter="seed")
    assert len(answer["confirmed"]["configs"]) == 2
    assert json.loads(answer["queued"]["config"])["seed"] == {"value": 3}  # the search has had 1 and 2


def test_replicates_are_compared_by_their_mean(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    config = {**GRID, "parameters": {"a": {"values": [1, 2]}}, "litsweep": {"replicates": 2}}
    sweep = Sweep(graphql, stream, config)
    agent = sweep.agent()
    names = [run_to_end(sweep, agent, 0, loss) for loss in (0.1, 3.0, 1.0, 1.2)]
    assert sweep.beat(agent) == [dispatch.EXIT]
    view = view_of(backend, sweep)
    assert [(row["id"], row["mean"], row["n"]) for row in view["configs"]] == [
        (names[2], pytest.approx(1.1), 2),
        (names[0], pytest.approx(1.55), 2),
    ]
    assert "best mean of 2 replicates" in view["text"] and view["is_over"]
    with backend.database.read() as connection:
        page = page_of(backend, connection, record_of(connection, sweep))
    assert page["best"] == names[2]
    queued = confirm(sweep, top=1, parameter="seed")["queued"]
    assert json.loads(queued["config"])["seed"] == {"value": 2}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "RUNNING"}, "is running, so its leaders may change; confirm it when it has ended"),
        ({"state": "PAUSED"}, "is paused, so its leaders may change"),
        ({"state": "CANCELED"}, "is canceled and starts no run; resume it first"),
        ({"metric": None}, "declares no metric"),
        ({"losses": False}, "has no finished run with a value of loss"),
        ({"top": 0}, "top: must be a whole number from 1 to 100, got 0"),
        ({"seeds": 1001}, "seeds: must be a whole number from 1 to 1000, got 1001"),
    ],
)
def test_refusals(graphql: GraphQL, stream: Stream, change: dict[str, Any], said: str) -> None:
    config = {key: value for key, value in {**GRID, **change}.items() if key in GRID and value is not None}
    sweep = Sweep(graphql, stream, config)
    agent = sweep.agent()
    run = sweep.start(agent)
    if change.get("losses", True):
        sweep.log(run, 0, 1.0)
    sweep.end(run)
    sweep.become(change.get("state", "FINISHED"))
    answer = confirm(sweep, change.get("top", 2), change.get("seeds", 2))
    assert said in answer["error"]
