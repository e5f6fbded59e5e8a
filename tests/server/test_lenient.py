"""Queries of clients that are newer or older than the schema."""

import logging

import pytest

from litsweep.server.graphql.limits import Budget
from litsweep.server.graphql.schema import build_schema
from tests.server.conftest import GraphQL


def test_unknown_fields_answer_null_under_their_alias(graphql: GraphQL) -> None:
    answer = graphql(
        "{ viewer { entity mood: moodOfTheDay(at: 1) { colour ...F } } } fragment F on Mood { x }"
    )
    assert answer["data"] == {"viewer": {"entity": "local", "mood": None}}
    assert "errors" not in answer


def test_unknown_arguments_input_fields_and_types_are_dropped(graphql: GraphQL) -> None:
    answer = graphql(
        """mutation M($input: UpsertModelInput!, $later: LaterInput!) {
             upsertModel(input: $input, soon: $later) { project { name(case: UPPER) } } }""",
        input={"name": "p", "entityName": "local", "icon": {"kind": "cat"}},
        later={"a": [1]},
    )
    assert answer["data"] == {"upsertModel": {"project": {"name": "p"}}}


def test_unknown_fields_of_a_literal_input_are_dropped(graphql: GraphQL) -> None:
    answer = graphql('mutation { upsertModel(input: {name: "p", colour: {red: 1}}) { inserted } }')
    assert answer["data"] == {"upsertModel": {"inserted": True}}


def test_unknown_mutation_answers_null(graphql: GraphQL) -> None:
    assert graphql("mutation { launchRocket(to: MOON) { landed } }")["data"] == {"launchRocket": None}


def test_a_gap_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    schema = build_schema()
    with caplog.at_level(logging.WARNING):
        for query in ("{ weather }", "{ weather }", "query Other { weather }"):
            schema.execute(query, {}, None, None, Budget())
    assert [record.getMessage() for record in caplog.records] == [
        "a client asked for Query.weather, which this server does not know"
    ]
    assert schema.gaps == {"Query.weather"}


def test_a_single_value_is_taken_for_a_list(graphql: GraphQL) -> None:
    graphql('mutation { upsertBucket(input: {name: "a", modelName: "p", entityName: "local"}) { inserted } }')
    answer = graphql(
        """query Q($specs: [JSONString!]!) { project(name: "p", entityName: "local") {
             run(name: "a") { sampledHistory(specs: $specs) } } }""",
        specs="{}",
    )
    assert answer["data"]["project"]["run"]["sampledHistory"] == [[]]


def test_missing_variables_are_null(graphql: GraphQL) -> None:
    answer = graphql(
        "query Q($name: String!, $entity: String!) { project(name: $name, entityName: $entity) { id } }"
    )
    assert answer["data"] == {"project": None}


def test_old_clients_ask_for_the_schema(graphql: GraphQL) -> None:
    for name in ("Query", "Mutation", "Project", "Run", "ServerInfo"):
        answer = graphql("query Probe($name: String!) { __type(name: $name) { fields { name } } }", name=name)
        assert {field["name"] for field in answer["data"]["__type"]["fields"]}


def test_text_that_is_not_graphql_is_refused(graphql: GraphQL) -> None:
    assert graphql("{ viewer {")["status"] == 400
    assert graphql("")["status"] == 400
