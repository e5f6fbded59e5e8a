"""Filters and orders of `wandb.Api().runs`."""

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
    """Create runs whose summaries have aggregates of `define_metric`, plain numbers and texts."""
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
        ("-acc", "r0 r1 r2 r3 r4"),  # numbers, then the text, then infinity
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


@pytest.fixture
def _odd_configs(graphql: GraphQL) -> None:
    configs = [
        {"model": {"value": {"depth": 2, "value": 7, "layers": [{"units": 8}, {"units": 4}]}}},
        {"model.depth": {"value": 2}, "model.rate": {"value": 0.5}, "on": {"value": False}},
        {"model": {"value": {"depth": 3, "a.b": {"c": "x"}}}, "on": {"value": True}},
    ]
    for i, config in enumerate(configs):
        names = {"name": f"odd{i}", "project": "p", "entity": "local"}
        summary = json.dumps({"val": {"acc": i, "top.5": i / 2}})
        graphql(
            UPSERT_RUN, **names, config=json.dumps(config), summaryMetrics=summary, tags=["odd", f"n.{i}"]
        )


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"config.model.value.depth": 2}, "odd0"),
        ({"config.model.depth.value": 2}, "odd0 odd1"),
        ({"config.model.depth": 2}, "odd0 odd1"),
        ({"config.model.depth": {"$gt": 2}}, "odd2"),
        ({"config.model.value.value": 7}, "odd0"),
        ({"config.model.value": 7}, "odd0"),
        ({"config.model.value": {"$exists": True}}, "odd0 odd2"),
        ({"config.model": {"depth": 3, "a.b": {"c": "x"}}}, "odd2"),
        ({"config.model.value": {"depth": 3, "a.b": {"c": "x"}}}, "odd2"),
        ({"config.model.value.layers.1.units": 4}, "odd0"),
        ({"config.model.layers.2": {"$exists": True}}, ""),
        ({"config.model.value.a.b.c": "x"}, "odd2"),
        ({"config.model.a.b": {"$exists": True}}, "odd2"),
        ({"config.model.depth.value.value": {"$exists": True}}, ""),
        (
            {"$or": [{"config.model.rate.value": 0.5}, {"config.model.value.depth": {"$in": [3]}}]},
            "odd1 odd2",
        ),
        ({"tags": "odd", "config.model.rate": {"$exists": False}}, "odd0 odd2"),
        ({"summary_metrics.val.top.5": 0.5}, "odd1"),
        ({"tags": {"$regex": "^n.[12]"}}, "odd1 odd2"),
        ({"tags.n.1": True}, "odd1"),
    ],
)
@pytest.mark.usefixtures("_odd_configs")
def test_paths_into_nested_values(graphql: GraphQL, filters: dict[str, Any], expected: str) -> None:
    assert names(graphql, filters) == expected.split()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("-config.model.value.depth", "odd2 odd0 odd1"),
        ("+config.model.depth", "odd0 odd1 odd2"),
        ("config.model.depth.value", "odd0 odd1 odd2"),
        ("-config.on.value", "odd2 odd1 odd0"),
        ("-summary_metrics.val.acc", "odd2 odd1 odd0"),
    ],
)
@pytest.mark.usefixtures("_odd_configs")
def test_orders_by_nested_values(graphql: GraphQL, order: str, expected: str) -> None:
    assert names(graphql, {"tags": "odd"}, order) == expected.split()


def test_what_the_client_documents_of_a_run(graphql: GraphQL, stream: Stream) -> None:
    stream("r0", files={"wandb-history.jsonl": {"offset": 0, "content": ['{"a": {"b": 1}, "_step": 0}']}})
    query = '{ project(name: "p") { run(name: "r3") { createdAt } } }'
    created = graphql(query)["data"]["project"]["run"]["createdAt"]
    documented: list[dict[str, Any]] = [
        {"username": "local"},
        {"user.username": {"$in": ["local"]}},
        {"entity": "local", "project": "p"},
        {"duration": {"$gte": 0, "$lt": 3600}},
        {"createdAt": {"$lte": created}},
        {"createdAt": created.removesuffix("Z")},
        {"updatedAt": {"$gte": created}},
        {"heartbeatAt": {"$exists": True}},
    ]
    for filters in documented:
        assert "r3" in names(graphql, filters), filters
    assert names(graphql, {"keys_info.keys.a.b": {"$exists": True}}) == ["r0"]
    assert names(graphql, {"sweepName": None, "username": {"$ne": "local"}}) == []
    assert names(graphql, {"name": {"$in": ["r0", "r1"]}}, "-updatedAt") == ["r0", "r1"]


def test_a_wrong_regular_expression_is_named(graphql: GraphQL) -> None:
    answer = graphql(RUNS, filters=json.dumps({"name": {"$regex": "("}}))
    assert "'('" in answer["errors"][0]["message"] and "internal" not in answer["errors"][0]["message"]


def test_an_unknown_operator_is_named(graphql: GraphQL) -> None:
    answer = graphql(RUNS, filters=json.dumps({"name": {"$near": 1}}))
    assert "$near" in answer["errors"][0]["message"] and "$in" in answer["errors"][0]["message"]
