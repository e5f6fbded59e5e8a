"""A sweep learns from the earlier sweeps of its project."""

import json
import time
from typing import Any

import pytest
import yaml

from litsweep.server.backend import Backend
from litsweep.server.earlier_sweeps import earlier_records, earlier_sweeps
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.store import sweeps
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import RUN, UPSERT_SWEEP
from tests.server.test_dispatch import Sweep

BAYES: dict[str, Any] = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}, "width": {"values": [8, 16, 32]}},
}
RANDOM = {**BAYES, "method": "random"}


def with_transfer(transfer: object) -> dict[str, Any]:
    return {**BAYES, "litsweep": {"transfer": transfer}}


@pytest.fixture
def new(graphql: GraphQL, stream: Stream) -> Any:
    """Create a sweep and execute some runs, whose loss is least at 0.7."""

    def create(config: dict[str, Any], runs: int = 0) -> Sweep:
        time.sleep(0.002)  # two sweeps have different times
        sweep = Sweep(graphql, stream, config)
        agent = sweep.agent()
        for _ in range(runs):
            execute(sweep, agent)
        time.sleep(0.002)
        return sweep

    return create


def execute(sweep: Sweep, agent: str) -> dict[str, Any]:
    """Execute one run. Return its config."""
    run = sweep.start(agent)
    found: dict[str, Any] = sweep.graphql(RUN, name=run)["data"]["project"]["run"]
    config = {name: entry["value"] for name, entry in json.loads(found["config"]).items()}
    sweep.log(run, 0, 1.0, (config["x"] - 0.7) ** 2)
    sweep.end(run)
    return config


def names(backend: Backend, sweep: Sweep) -> list[str]:
    with backend.database.read() as connection:
        record = sweeps.find(connection, sweep.name)
        assert record is not None
        return [other.name for other in earlier_records(connection, record)]


def test_which_sweeps_are_sources(new: Any, backend: Backend) -> None:
    first, few = new(RANDOM, 5), new(RANDOM, 4)
    other_metric = new({**RANDOM, "metric": {"name": "loss", "goal": "maximize"}}, 5)
    other_space = new({**RANDOM, "parameters": {"y": {"min": 0.0, "max": 1.0}}})
    second = new(BAYES)
    assert names(backend, second) == [first.name]
    assert names(backend, new(with_transfer("off"))) == []
    assert names(backend, new(with_transfer([other_metric.name, few.name]))) == [other_metric.name]
    assert names(backend, new(RANDOM)) == []
    agent = few.agent()
    execute(few, agent)
    assert names(backend, second) == [first.name]  # the fifth run of `few` ended after the sweep was created
    assert names(backend, new(BAYES)) == [few.name, first.name]
    assert names(backend, other_space) == []


def test_the_first_run_uses_the_earlier_sweep(new: Any, backend: Backend) -> None:
    first = new(RANDOM, 8)
    second = new(BAYES)
    run = second.start(second.agent())
    with backend.database.read() as connection:
        record = sweeps.find(connection, second.name)
        assert record is not None
        search = LiveSweep(record, earlier_sweeps(connection, record))
    suggestion = search.suggest()
    assert suggestion is not None
    assert suggestion.name == run  # a rebuilt search suggests the same
    assert abs(json.loads(suggestion.parameters)["x"] - 0.7) < 0.25
    assert json.loads(suggestion.reason) == {"method": "earlier sweeps", "sweeps": [first.name]}


def test_unknown_sweep(graphql: GraphQL) -> None:
    answer = graphql(UPSERT_SWEEP, config=yaml.dump(with_transfer(["nothing1"])))
    (error,) = answer["errors"]
    assert "litsweep.transfer: no such sweep in project local/p: nothing1" in error["message"]
