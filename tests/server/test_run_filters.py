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


@pytest.fixture
def aggregated(graphql: GraphQL) -> None:
    """Summaries as `define_metric` makes them, and others of the same name."""
    for name, summary in {
        "r0": {"acc": {"min": 1, "max": 7}},
        "r1": {"acc": {"max": 5.0}, "val.f1": {"mean": 1}},
        "r2": {"acc": 3, "val": {"f1": {"last": 2}}},
        "r3": {"acc": "n/a", "val": {"f1": {"max": "NaN"}}},
        "r4": {"acc": "Infinity"},
    }.items():
        graphql(UPSERT_RUN, name=name, project="p", entity="local", summaryMetrics=json.dumps(summary))


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


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("-acc", "r0 r1 r2 r3 r4"),  # numbers, the text, and what is in no order
        ("+acc", "r0 r2 r1 r3 r4"),
        ("-acc.max", "r0 r1 r2 r3 r4"),
        ("+val.f1", "r1 r2 r0 r3 r4"),
        ("-val.f1", "r2 r1 r0 r3 r4"),
    ],
)
@pytest.mark.usefixtures("aggregated")
def test_order_takes_the_best_aggregate(graphql: GraphQL, key: str, expected: str) -> None:
    assert names(graphql, order=f"{key[0]}summary_metrics.{key[1:]}") == expected.split()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"$gt": 4}, "r0 r1"),
        ({"$lt": 4}, "r0 r2"),
        ({"$gt": 4, "$lt": 6}, "r0 r1"),
        (5, "r1"),
        ({"$in": [3, 7]}, "r0 r2"),
        ({"$ne": 5}, "r0 r2 r3 r4"),
        ({"$exists": True}, "r0 r1 r2 r3 r4"),
        ({"max": 5}, "r1"),
        (None, ""),
    ],
)
@pytest.mark.usefixtures("aggregated")
def test_filters_look_at_every_aggregate(graphql: GraphQL, condition: Any, expected: str) -> None:
    assert names(graphql, {"summary_metrics.acc": condition}) == expected.split()


@pytest.mark.usefixtures("aggregated")
def test_filters_on_a_nested_aggregate(graphql: GraphQL) -> None:
    assert names(graphql, {"summary_metrics.val.f1": {"$gte": 1}}) == ["r1", "r2"]
    assert names(graphql, {"summary_metrics.val.f1.last": 2}) == ["r2"]


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
