"""The database transactions of a GraphQL request."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from litsweep.server.backend import Backend
from litsweep.server.database import Database
from tests.server.conftest import GraphQL
from tests.server.operations import CREATE_AGENT, ENQUEUE_RUN, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

CONFIG = "method: random\nparameters: {x: {min: 0.0, max: 1.0}}"
RUNS = """
query {
  project(name: "p", entityName: "local") {
    runCount
    runs(first: 50) { edges { node {
      name project { name user { name } } sweep { name project { name } runCount } agent { id }
    } } }
  }
}"""
CHANGES = """
mutation ($config: String!) {
  before: upsertModel(input: {name: "p", entityName: "local"}) { project { totalSweeps } }
  change: upsertSweep(input: {projectName: "p", entityName: "local", config: $config}) {
    sweep { project { totalSweeps sweeps { edges { node { state } } } } }
  }
}"""


class Counts:
    """Counts transactions and statements since the last `reset`."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.transactions = self.statements = 0

    def begin(self, _connection: object) -> None:
        self.transactions += 1

    def execute(self, *_: object) -> None:
        self.statements += 1


@pytest.fixture
def counts() -> Iterator[Counts]:
    found = Counts()
    event.listen(Engine, "begin", found.begin)
    event.listen(Engine, "before_execute", found.execute)
    yield found
    event.remove(Engine, "begin", found.begin)
    event.remove(Engine, "before_execute", found.execute)


@pytest.fixture
def fifty_runs(graphql: GraphQL) -> str:
    """Return the name of a sweep with 50 runs. Five of them are dispatched, each to its own agent."""

    def do(query: str, **variables: Any) -> Any:
        answer = graphql(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    sweep: str = do(UPSERT_SWEEP, config=CONFIG)["upsertSweep"]["sweep"]["name"]
    for _ in range(5):
        do(HEARTBEAT, id=do(CREATE_AGENT, sweep=sweep)["createAgent"]["agent"]["id"], runState="{}")
    for i in range(45):
        do(UPSERT_RUN, name=f"r{i}", project="p", entity="local", config="{}", sweep=sweep)
    return sweep


def test_fifty_runs_with_their_sweep_take_one_transaction(
    graphql: GraphQL, counts: Counts, fifty_runs: str
) -> None:
    counts.reset()
    project = graphql(RUNS)["data"]["project"]
    nodes = [edge["node"] for edge in project["runs"]["edges"]]
    assert project["runCount"] == len(nodes) == 50
    assert {(node["project"]["name"], node["sweep"]["name"]) for node in nodes} == {("p", fifty_runs)}
    assert len({node["agent"]["id"] for node in nodes if node["agent"]}) == 5
    assert counts.transactions == 1
    assert counts.statements <= 10  # one per project, sweep and agent, not one per run


def test_a_request_that_reads_nothing_begins_no_transaction(graphql: GraphQL, counts: Counts) -> None:
    assert graphql("query { viewer { username } }")["data"] == {"viewer": {"username": "local"}}
    assert counts.transactions == 0


def test_the_fields_of_a_mutation_see_what_it_wrote(graphql: GraphQL) -> None:
    data = graphql(CHANGES, config=CONFIG)["data"]
    assert data["before"]["project"] == {"totalSweeps": 0}
    assert data["change"]["sweep"]["project"] == {
        "totalSweeps": 1,
        "sweeps": {"edges": [{"node": {"state": "PENDING"}}]},
    }


@pytest.mark.parametrize("filters", ["{}", '{"x": {"$no": 1}}', "not JSON"])
def test_a_request_ends_its_transaction_even_if_it_fails(
    graphql: GraphQL, backend: Backend, filters: str
) -> None:
    query = 'query ($f: JSONString) { project(name: "p", entityName: "local") { runCount(filters: $f) } }'
    graphql(UPSERT_RUN, name="r", project="p", entity="local", config="{}")
    closed: list[object] = []
    event.listen(Engine, "checkin", closed_connection := lambda *_: closed.append(None))
    try:
        answer = graphql(query, f=filters)
    finally:
        event.remove(Engine, "checkin", closed_connection)
    assert ("errors" in answer) == (filters != "{}")
    assert len(closed) == 1


SCHEDULED = "method: custom\nscheduler: {engine: optuna}\nparameters: {x: {min: 0.0, max: 1.0}}"


def test_a_heartbeat_that_changes_nothing_writes_nothing_and_costs_the_same_with_more_runs(
    graphql: GraphQL, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = graphql(UPSERT_SWEEP, config=SCHEDULED)["data"]["upsertSweep"]["sweep"]

    def agent() -> str:
        made: str = graphql(CREATE_AGENT, sweep=sweep["name"])["data"]["createAgent"]["agent"]["id"]
        return made

    def take(n: int) -> tuple[str, str]:
        """Give runs to `n` new agents. Return the last agent and its run."""
        for _ in range(n):
            graphql(ENQUEUE_RUN, id=sweep["id"], config="{}")
            name = agent()
            commands = graphql(HEARTBEAT, id=name, runState="{}")["data"]["agentHeartbeat"]["commands"]
        return name, json.loads(commands)[0]["run_id"]

    def cost(agent_id: str, state: str) -> int:
        counts.reset()
        with monkeypatch.context() as patch:
            patch.setattr(Database, "write", None)
            answer = graphql(HEARTBEAT, id=agent_id, runState=state)
        assert answer["data"]["agentHeartbeat"]["commands"] == "[]", answer
        return counts.statements

    idle, (busy, run) = agent(), take(2)
    named = json.dumps({run: True})
    graphql(HEARTBEAT, id=busy, runState=named)  # the first one that names the run
    before = cost(idle, "{}"), cost(busy, named)
    take(20)
    assert (cost(idle, "{}"), cost(busy, named)) == before and max(before) <= 6
