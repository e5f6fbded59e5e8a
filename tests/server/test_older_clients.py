"""Operations that only older clients send, as versions 0.22 to 0.27 write them."""

import json
from typing import Any

import pytest

from tests.server.conftest import GraphQL, Stream
from tests.server.operations import UPSERT_RUN

SAMPLED = """query SampledHistoryPage($spec: JSONString!) {
  project(name: "p", entityName: "local") { run(name: "long") { sampledHistory(specs: [$spec]) } } }"""


@pytest.fixture
def long_run(graphql: GraphQL, stream: Stream) -> GraphQL:
    """Make a run of 25 rows and return the function for operations."""
    graphql(UPSERT_RUN, name="long", project="p", entity="local")
    rows = [json.dumps({"_step": step, "loss": step}) for step in range(25)]
    stream("long", files={"wandb-history.jsonl": {"offset": 0, "content": rows}})
    return graphql


def losses(graphql: GraphQL, low: int, high: int, samples: int) -> list[int]:
    spec = json.dumps({"keys": ["loss"], "minStep": low, "maxStep": high, "samples": samples})
    found: Any = graphql(SAMPLED, spec=spec)["data"]["project"]["run"]["sampledHistory"]
    return [row["loss"] for row in found[0]]


@pytest.mark.parametrize("page", [1, 3, 10, 24, 25, 1000])
def test_the_pages_of_a_history_have_each_row_once(long_run: GraphQL, page: int) -> None:
    """`maxStep` is exclusive before 0.28, and the last step of a page since then."""
    starts = range(0, 25, page)
    older = [loss for low in starts for loss in losses(long_run, low, min(low + page, 25), page)]
    assert older == list(range(25))
    newer = []
    for low in starts:
        last = min(low + page, 25) - 1
        newer += losses(long_run, low, last, last - low + 1)
    assert newer == list(range(25))
    assert losses(long_run, 3, 7, 1000) == [3, 4, 5, 6]
    assert losses(long_run, 3, 7, 5) == [3, 4, 5, 6, 7]


def test_wandb_sync_asks_for_a_type_and_then_for_its_messages(graphql: GraphQL) -> None:
    probe = 'query ProbeServerSettings { T: __type(name: "ServerSettings") { fields { name } } }'
    assert {"name": "serverMessages"} in graphql(probe)["data"]["T"]["fields"]
    query = """mutation { upsertBucket(input: {name: "a", modelName: "p", entityName: "local"}) { inserted
      serverSettings { serverMessages { utfText plainText htmlText messageType messageLevel } } } }"""
    made = graphql(query)["data"]["upsertBucket"]
    assert made == {"inserted": True, "serverSettings": {"serverMessages": []}}


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ('artifactType(name: "t") { artifactCollection(name: "c") { artifacts { ...F } } }', "Versioned"),
        ('run(name: "long") { inputArtifacts { ...F } }', "Input"),
        ('run(name: "long") { outputArtifacts { ...F } }', ""),
    ],
)
def test_fragments_on_w_b_s_names_of_types(long_run: GraphQL, where: str, kind: str) -> None:
    make = """mutation { createArtifact(input: {artifactTypeName: "t", artifactCollectionName: "c",
      projectName: "p", entityName: "local", runName: "long", digest: "d", digestAlgorithm: MANIFEST_MD5}) {
      artifact { id } } }"""
    long_run(make)
    query = f"""query {{ project(name: "p", entityName: "local") {{ {where} }} }}
      fragment F on {kind}ArtifactConnection {{
        totalCount pageInfo {{ hasNextPage }} edges {{ node {{ id }} }} }}"""
    found = long_run(query)["data"]["project"]
    while "totalCount" not in found:
        found = next(iter(found.values()))
    assert found["totalCount"] == len(found["edges"])
