"""A client's mistake is 4xx with a message. An error of the server is 500, logged once."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from litsweep.server.app import create_app
from litsweep.server.backend import Backend
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.endpoint import answer
from litsweep.server.settings import Settings
from litsweep.server.store import blobs, projects
from tests.server.conftest import GraphQL, Stream
from tests.server.fuzzing import Caller, Sent
from tests.server.operations import HEARTBEAT, RUNS, UPSERT_RUN, UPSERT_SWEEP

RUN = """query Q($after: String, $first: Int) {
  project(name: "p", entityName: "local") { run(name: "a") { %s } } }"""
CREATE_FILES = (
    'mutation { createRunFiles(input: {runName: "a", projectName: "p", files: ["../../x"]}) { runID } }'
)
COMMIT = "mutation M($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }"
DEEP = "[" * 100_000


@pytest.fixture
def run(graphql: GraphQL) -> None:
    """Create run `a` of project local/p."""
    graphql(UPSERT_RUN, name="a", project="p", entity="local")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "the body: must be a JSON object"),
        ("x", "the body: must be a JSON object"),
        ({}, "query: must be the text of a GraphQL query"),
        ({"query": 3}, "query: must be the text"),
        ({"query": "{ viewer { id } }", "variables": [1]}, "variables: must be a JSON object"),
        ({"query": "{ viewer { id } }", "operationName": 3}, "operationName: must be text"),
        ({"query": "{ viewer { id } }", "operationName": "Other"}, "Unknown operation named 'Other'"),
        ({"query": "{ viewer {"}, "Syntax Error"),
        ({"query": "{ viewer { id } } { viewer { id } }"}, "Must provide operation name"),
        ({"query": "fragment F on Run { id }"}, "Must provide an operation"),
    ],
)
def test_a_malformed_request(backend: Backend, body: object, words: str) -> None:
    response = answer(body, Context(backend, "http://test"))
    assert response.status_code == 400
    assert words in json.loads(bytes(response.body))["errors"][0]["message"]


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    (RUNS, {"after": "x"}, "after: must be an integer from 0"),
    (RUNS, {"after": "9" * 30}, "after: must be an integer from 0"),
    (RUNS, {"first": -1}, "first: must not be negative"),
    (RUNS, {"first": 2**40}, "32-bit"),
    (RUNS, {"filters": "[1]"}, "filters: must be a JSON object"),
    (RUNS, {"filters": "{"}, "filters: is not JSON"),
    (RUNS, {"filters": DEEP}, "filters: is nested more than 100 deep"),
    (RUNS, {"filters": 3}, "must be JSON in a string"),
    (RUNS, {"filters": '{"$and": 3}'}, "$and needs a list"),
    (RUNS, {"filters": '{"$or": [3]}'}, "must be a JSON object"),
    (RUNS, {"filters": '{"name": {"$in": "a"}}'}, "$in needs a list"),
    (RUNS, {"filters": '{"name": {"$regex": 3}}'}, "$regex needs a text"),
    (RUNS, {"filters": '{"name": {"$regex": "(?!a)"}}'}, "use $not"),
    (RUNS, {"filters": json.dumps({"a." * 200: 1})}, "a key has at most 100 parts"),
    (RUNS, {"order": 3}, "String cannot represent"),
    (RUNS, {"order": "+" + "a." * 200}, "order: a key has at most 100 parts"),
    (UPSERT_RUN, {"name": "b", "config": "[1]"}, "config: must be a JSON object"),
    (UPSERT_RUN, {"name": "b", "config": "1" * 5_000}, "config: is not JSON"),
    (UPSERT_RUN, {"name": "b", "config": '{"a":' * 200 + "1" + "}" * 200}, "config: is nested more than"),
    (UPSERT_RUN, {"name": "b", "summaryMetrics": "3"}, "summaryMetrics: must be a JSON object"),
    (UPSERT_RUN, {"name": "b", "tags": [3]}, "String cannot represent"),
    (UPSERT_RUN, {"name": "b" * 200}, "name: at most 128 characters, got 200"),
    (UPSERT_RUN, {"id": "²"}, "run ² does not exist"),
    (UPSERT_RUN, {"id": "9" * 30}, "does not exist"),
    (UPSERT_SWEEP, {"config": "[]"}, "must hold a mapping"),
    (UPSERT_SWEEP, {"config": "method: grid"}, "parameters: is missing"),
    (UPSERT_SWEEP, {"id": "x"}, "sweep x does not exist"),
    (UPSERT_SWEEP, {}, "needs a config"),
    (HEARTBEAT, {"id": "1", "runState": "[]"}, "runState: must be a JSON object"),
    (HEARTBEAT, {"id": "9" * 30, "runState": "{}"}, "does not exist"),
    (RUN % "history(samples: -1)", {}, "samples: must not be negative"),
    (RUN % "history(minStep: 9223372036854775808)", {}, "must be an integer of 64 bits"),
    (RUN % "logLines(after: $after) { edges { cursor } }", {"after": "x"}, "after: must be an integer"),
    (RUN % "logLines(last: $first) { edges { cursor } }", {"first": -1}, "last: must not be negative"),
    (RUN % 'sampledHistory(specs: "[]")', {}, "specs: must be a JSON object"),
    (RUN % r'sampledHistory(specs: "{\"keys\": 3}")', {}, "specs: keys must be a list"),
    (RUN % r'sampledHistory(specs: "{\"minStep\": \"x\"}")', {}, "specs: minStep must be an integer"),
    (RUN % "files(first: $first) { edges { cursor } }", {"first": -1}, "first: must not be negative"),
    ('query Q($id: Int) { artifact(id: "x") { id } }', {}, "there is no artifact 'x'"),
    (
        'mutation { createRunFiles(input: {runName: "a", projectName: "p", files: ["../../x"]}) { runID } }',
        {},
        "`..`",
    ),
]


@pytest.mark.parametrize(("query", "variables", "words"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_wrong_argument(
    graphql: GraphQL, run: None, query: str, variables: dict[str, Any], words: str
) -> None:
    given = {"project": "p", "entity": "local"} | variables if query is UPSERT_RUN else variables
    sent = graphql(query, **given)
    assert sent["status"] in (400, 404), sent
    assert words in sent["errors"][0]["message"]


def test_a_wrong_chunk(stream: Stream, run: None) -> None:
    def history(offset: Any, content: Any) -> dict[str, Any]:
        return {"files": {"wandb-history.jsonl": {"offset": offset, "content": content}}}

    chunks = [
        history(-1, ["{}"]),
        history(2**31 - 1, ["{}"]),
        history("x", []),
        history(0, "x"),
        history(0, [3]),
        history(0, ["[1]"]),
        history(0, ['{"a":' * 200]),
        {"files": 3},
        {"complete": 1, "exitcode": "x"},
    ]
    for chunk in chunks:
        assert stream("a", **chunk)["status"] == 400, chunk


def test_routes_refuse_what_is_not_a_number(tmp_path: Path) -> None:
    caller = Caller(create_app(Settings(tmp_path / "data")))
    body = json.dumps({"query": UPSERT_RUN, "variables": {"name": "a", "project": "p"}}).encode()
    log = "/-/data/local/p/runs/a/log"
    expected = [
        (Sent("POST", "/graphql", body), 200),
        (Sent("GET", log, query=b"from=0"), 200),
        (Sent("GET", log, query=b"from=" + b"9" * 25), 400),
        (Sent("GET", log, query=b"from=" + b"9" * 5_000), 400),
        (Sent("GET", log, query=b"from=-1"), 400),
        (Sent("GET", "/-/data/local/p/runs/" + "a" * 200), 400),
        (Sent("GET", "/-/data/local/p/runs/a\0"), 404),
        (Sent("POST", "/graphql", b"\xff\xfe"), 400),
        (Sent("POST", "/graphql", DEEP.encode()), 400),
        (Sent("GET", "/", headers=((b"authorization", b"Basic \xe9"),)), 401),
    ]
    for sent, status in expected:
        found = asyncio.run(caller.send(sent))
        assert (found.status, found.error) == (status, None), sent


def test_an_error_of_the_server_is_logged_once(
    graphql: GraphQL, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(projects, "of_entity", fail)
    with caplog.at_level(logging.ERROR):
        answers = [graphql("{ models { edges { cursor } } }") for _ in range(5)]
    assert {answer["status"] for answer in answers} == {500}
    assert len([record for record in caplog.records if record.exc_info]) == 1
    assert caplog.records[-1].getMessage().endswith("4 times so far")


def test_a_failed_statement_does_not_spoil_the_next(backend: Backend) -> None:
    context = Context(backend, "http://test")

    def fail(connection: Connection) -> object:
        return connection.exec_driver_sql("SELECT nothing")

    with pytest.raises(DBAPIError):
        context.read(fail)
    assert context.read(projects.entities) == []
    context.close()


@pytest.fixture
def manifest_of(graphql: GraphQL, backend: Backend) -> Callable[..., dict[str, Any]]:
    """Return a function that logs an artifact with a manifest, and returns the answer to its commit."""

    def commit(manifest: bytes, **declared: Any) -> dict[str, Any]:
        create = """mutation M($input: CreateArtifactInput!) {
            createArtifact(input: $input) { artifact { id } } }"""
        names = {"artifactTypeName": "t", "artifactCollectionName": "c", "digest": "d", "projectName": "p"}
        id = graphql(create, input=names)["data"]["createArtifact"]["artifact"]["id"]
        declare = """mutation M($input: CreateArtifactManifestInput!) {
            createArtifactManifest(input: $input) { artifactManifest { file { id } } } }"""
        base = {key: id if value == "itself" else value for key, value in declared.items()}
        made = graphql(declare, input={"artifactID": id, "name": "m", "digest": "d", **base})
        if made["status"] != 200:
            return made
        key = made["data"]["createArtifactManifest"]["artifactManifest"]["file"]["id"]
        written = backend.blobs.put(key, manifest)
        with backend.database.write() as connection:
            blobs.mark_stored(connection, key, written.size, written.md5)
        return graphql(COMMIT, id=id)

    return commit


def entry(name: str, **fields: Any) -> bytes:
    return json.dumps({"contents": {name: {"digest": "x", "ref": "s3://b/x", **fields}}}).encode()


@pytest.mark.parametrize(
    "name", ["../x", "../../x", "a/../../x", "/etc/x", "\\x", "..\\x", "C:\\x", "", ".", "a\0b", "x" * 2_000]
)
def test_a_manifest_with_a_path_outside_its_folder(manifest_of: Callable[..., Any], name: str) -> None:
    sent = manifest_of(entry(name))
    assert sent["status"] == 400 and "manifest: " in sent["errors"][0]["message"]


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"contents": []}',
        b'{"contents": {"a": 3}}',
        b'{"contents": {"a": {}}}',
        entry("a", digest=3),
        entry("a", size=-1),
        entry("a", size=2**70),
        entry("a", size="1"),
        entry("a", ref=3),
        b'{"a":' * 5_000,
    ],
)
def test_a_malformed_manifest(manifest_of: Callable[..., Any], manifest: bytes) -> None:
    sent = manifest_of(manifest)
    assert sent["status"] == 400 and "manifest" in sent["errors"][0]["message"]


def test_a_manifest_with_usual_paths_is_committed(manifest_of: Callable[..., Any]) -> None:
    for name in ("a", "a/b.txt", "./a", "a b/ü.txt", "..a", "a..", "a:b"):
        assert manifest_of(entry(name))["status"] == 200, name


def test_an_incremental_manifest_on_itself(manifest_of: Callable[..., Any]) -> None:
    sent = manifest_of(entry("a"), baseArtifactID="itself", type="INCREMENTAL")
    assert sent["status"] == 400 and "is not committed" in sent["errors"][0]["message"]
