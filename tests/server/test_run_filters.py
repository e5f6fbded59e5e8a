"""The query language of `wandb.Api().runs`."""

import json
from typing import Any

import pytest

from tests.server.conftest import GraphQL, Stream
from tests.server.operations import RUNS, UPSERT_RUN


@pytest.fixture(autouse=True)
def _runs(graphql: GraphQL, stream: Stream) -> None:
    for i, loss in enumerate([0.3, 0.1, None, "NaN", 0.2]):
        config = {"lr": {"value": i / 10}, "net": {"value": {"depth": i}}, "flag": {"value": i == 1}}
        summary = {} if loss is None else {"loss": loss, "val": {"acc": i}}
        graphql(
            UPSERT_RUN,
            name=f"r{i}",
            project="p",
            entity="local",
            config=json.dumps(config),
            summaryMetrics=json.dumps(summary),
            tags=["even"] if i % 2 == 0 else [],
        )
    stream("r0", complete=True, exitcode=0)


def names(graphql: GraphQL, filters: Any = None, order: str | None = None, **more: Any) -> list[str]:
    text = None if filters is None else json.dumps(filters)
    project = graphql(RUNS, filters=text, order=order, **more)["data"]["project"]
    found = [edge["node"]["name"] for edge in project["runs"]["edges"]]
    assert more or project["runCount"] == len(found)
    return found


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "r0 r1 r2 r3 r4"),
        ({"state": "finished"}, "r0"),
        ({"$and": [{"name": {"$in": ["r1", "r2"]}}, {"config.lr": {"$lt": 0.2}}]}, "r1"),
        ({"config.lr.value": 0.2}, "r2"),
        ({"config.net.depth": {"$gte": 3}}, "r3 r4"),
        ({"config.flag": True}, "r1"),
        ({"config.lr": False}, ""),
        ({"summary_metrics.loss": {"$lte": 0.2}}, "r1 r4"),
        ({"summary_metrics.val.acc": 4}, "r4"),
        ({"summary_metrics.loss": {"$exists": False}}, "r2"),
        ({"summary_metrics.loss": None}, "r2"),
        ({"$or": [{"name": "r0"}, {"name": "r4"}]}, "r0 r4"),
        ({"$nor": [{"name": "r0"}, {"name": "r4"}]}, "r1 r2 r3"),
        ({"name": {"$ne": "r0", "$nin": ["r1"], "$regex": "^r[0-3]$"}}, "r2 r3"),
        ({"name": {"$not": {"$in": ["r0", "r1", "r2"]}}}, "r3 r4"),
        ({"tags": "even"}, "r0 r2 r4"),
        ({"tags": {"$in": ["even", "odd"]}}, "r0 r2 r4"),
        ({"created_at": {"$gt": "2020-01-01T00:00:00Z", "$lt": "2021-01-01"}}, ""),
        ({"created_at": {"$gt": "2020-01-01"}}, "r0 r1 r2 r3 r4"),
        ({"sweep": "nosuch"}, ""),
    ],
)
def test_filters(graphql: GraphQL, filters: dict[str, Any], expected: str) -> None:
    assert names(graphql, filters) == expected.split()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("+summary_metrics.loss", "r1 r4 r0 r2 r3"),
        ("-summary_metrics.loss", "r0 r4 r1 r2 r3"),
        ("+created_at", "r0 r1 r2 r3 r4"),
        ("-created_at", "r4 r3 r2 r1 r0"),
        ("-config.lr.value", "r4 r3 r2 r1 r0"),
    ],
)
def test_order_puts_missing_values_last(graphql: GraphQL, order: str, expected: str) -> None:
    assert names(graphql, order=order) == expected.split()


def test_pages(graphql: GraphQL) -> None:
    seen, cursor = [], None
    while True:
        runs = graphql(RUNS, first=2, after=cursor, order="+summary_metrics.loss")["data"]["project"]["runs"]
        seen += [edge["node"]["name"] for edge in runs["edges"]]
        cursor = runs["pageInfo"]["endCursor"]
        if not runs["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["r1", "r4", "r0", "r2", "r3"]


def test_an_unknown_operator_is_named(graphql: GraphQL) -> None:
    answer = graphql(RUNS, filters=json.dumps({"name": {"$near": 1}}))
    assert "$near" in answer["errors"][0]["message"] and "$in" in answer["errors"][0]["message"]
