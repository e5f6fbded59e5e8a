"""The file stream: lines are stored once and in order, even if the client sends them again."""

import gzip
import json
from typing import Any

import pytest

from litsweep.server.backend import Backend
from litsweep.server.store import runs
from tests.server.chunks import receive
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import RUN, STOP_RUN, UPSERT_RUN


@pytest.fixture(autouse=True)
def _run(graphql: GraphQL) -> None:
    graphql(UPSERT_RUN, name="a", project="p", entity="local", config="{}")


def history(first: int, n: int, **extra: Any) -> dict[str, Any]:
    rows = [json.dumps({"_step": step, "loss": 1 / (step + 1), **extra}) for step in range(first, first + n)]
    return {"wandb-history.jsonl": {"offset": first, "content": rows}}


def run(graphql: GraphQL) -> dict[str, Any]:
    found: dict[str, Any] = graphql(RUN, name="a")["data"]["project"]["run"]
    return found


def steps(graphql: GraphQL) -> list[int]:
    return [json.loads(row)["_step"] for row in run(graphql)["history"]]


def test_a_chunk_sent_again_changes_nothing(graphql: GraphQL, stream: Stream) -> None:
    stream("a", files=history(0, 10))
    stream("a", files=history(10, 5))
    before = run(graphql)
    stream("a", files=history(0, 10))
    stream("a", files=history(10, 5))
    assert run(graphql) == before
    assert steps(graphql) == list(range(15))
    keys = before["historyKeys"]["keys"]["loss"]
    assert keys["typeCounts"] == [{"type": "number", "count": 15}] and keys["monotonic"] is False


def test_gzip(backend: Backend, graphql: GraphQL) -> None:
    body = gzip.compress(json.dumps({"files": history(0, 3)}).encode())
    response = receive(backend, ("local", "p", "a"), body, {"content-encoding": "gzip"})
    assert response.status_code == 200 and steps(graphql) == [0, 1, 2]


def test_nan_and_infinity(graphql: GraphQL, stream: Stream) -> None:
    content = ['{"_step": 0, "loss": NaN, "top": Infinity, "in": {"low": -Infinity}}']
    stream("a", files={"wandb-history.jsonl": {"offset": 0, "content": content}})
    stream("a", files={"wandb-summary.json": {"offset": 0, "content": ['{"loss": NaN}']}})
    row = json.loads(run(graphql)["history"][0], parse_constant=pytest.fail)
    assert row == {"_step": 0, "loss": "NaN", "top": "Infinity", "in": {"low": "-Infinity"}}
    assert json.loads(run(graphql)["summaryMetrics"]) == {"loss": "NaN"}
    assert run(graphql)["historyKeys"]["keys"]["in.low"]["typeCounts"] == [{"type": "number", "count": 1}]


def test_numbers_after_nan_in_a_later_chunk(graphql: GraphQL, stream: Stream) -> None:
    for step, value in enumerate(["NaN", "1.0", "-Infinity", "true", '"text"', "2.0"]):
        row = f'{{"_step": {step}, "x": {value}}}'
        assert stream("a", files={"wandb-history.jsonl": {"offset": step, "content": [row]}})["status"] == 200
    keys = run(graphql)["historyKeys"]["keys"]["x"]
    assert keys["monotonic"] is True and keys["previousValue"] == 2.0
    counts = {kind["type"]: kind["count"] for kind in keys["typeCounts"]}
    assert counts == {"number": 4, "boolean": 1, "string": 1}


def test_rows_without_a_step_are_numbered_by_line(graphql: GraphQL, stream: Stream) -> None:
    rows = ['{"x": 1}', '{"x": 2, "_step": null}']
    stream("a", files={"wandb-history.jsonl": {"offset": 0, "content": rows}})
    assert run(graphql)["historyKeys"]["lastStep"] == 1


def test_the_summary_is_replaced(graphql: GraphQL, stream: Stream) -> None:
    for text in ('{"a": 1, "b": 2}', '{"a": 3}'):
        stream("a", files={"wandb-summary.json": {"offset": 0, "content": [text]}})
    assert json.loads(run(graphql)["summaryMetrics"]) == {"a": 3}


LOG = """
query Q($first: Int, $after: String, $last: Int) {
  project(name: "p", entityName: "local") { run(name: "a") {
    logLineCount
    logLines(first: $first, after: $after, last: $last) {
      edges { node { number timestamp level line } } pageInfo { endCursor hasNextPage } } } }
}"""


def test_console_lines_are_overwritten_in_place(graphql: GraphQL, stream: Stream) -> None:
    stream("a", files={"output.log": {"offset": 0, "content": ["2026-01-01T00:00:00.1 one", "plain"]}})
    structured = json.dumps({"ts": "2026-01-01T00:00:01", "level": "error", "content": "three"})
    stream("a", files={"output.log": {"offset": 1, "content": ["two", structured]}})
    found = graphql(LOG, first=2)["data"]["project"]["run"]
    assert found["logLineCount"] == 3
    nodes = [edge["node"] for edge in found["logLines"]["edges"]]
    assert nodes == [
        {"number": 0, "timestamp": "2026-01-01T00:00:00.1", "level": None, "line": "one"},
        {"number": 1, "timestamp": None, "level": None, "line": "two"},
    ]
    page = found["logLines"]["pageInfo"]
    assert page["hasNextPage"]
    rest = graphql(LOG, first=2, after=page["endCursor"])["data"]["project"]["run"]["logLines"]
    assert [edge["node"]["line"] for edge in rest["edges"]] == ["three"] and not rest["pageInfo"][
        "hasNextPage"
    ]
    tail = graphql(LOG, last=1)["data"]["project"]["run"]["logLines"]["edges"]
    assert [(edge["node"]["line"], edge["node"]["level"]) for edge in tail] == [("three", "error")]


@pytest.mark.parametrize(
    ("exitcode", "state"),
    [(0, "finished"), (1, "failed"), (255, "killed"), (130, "killed"), (143, "killed"), (137, "killed")],
)
def test_exit_codes(graphql: GraphQL, stream: Stream, exitcode: int, state: str) -> None:
    stream("a", complete=True, exitcode=exitcode)
    assert (run(graphql)["state"], run(graphql)["exitcode"]) == (state, exitcode)


def test_preempting(graphql: GraphQL, stream: Stream) -> None:
    stream("a", preempting=True)
    assert run(graphql)["state"] == "preempting"
    stream("a", complete=True, exitcode=1)
    assert run(graphql)["state"] == "preempted"


def test_a_run_learns_that_it_should_stop(graphql: GraphQL, stream: Stream) -> None:
    assert stream("a")["stopped"] is False
    graphql(STOP_RUN, id=run(graphql)["id"])
    assert stream("a")["stopped"] is True
    stream("a", complete=True, exitcode=1)
    assert run(graphql)["state"] == "killed"
    graphql(UPSERT_RUN, name="a", project="p", entity="local")
    assert stream("a")["stopped"] is False and run(graphql)["state"] == "running"


def test_a_run_started_anew_loses_its_old_rows(graphql: GraphQL, stream: Stream) -> None:
    stream("a", files=history(0, 10), complete=True, exitcode=1)
    graphql(UPSERT_RUN, name="a", project="p", entity="local")
    stream("a", files=history(0, 2))
    stream("a", files=history(2, 1))
    assert steps(graphql) == [0, 1, 2] and run(graphql)["historyLineCount"] == 3
    assert run(graphql)["historyKeys"]["lastStep"] == 2


def test_a_resumed_run_keeps_its_rows(graphql: GraphQL, stream: Stream) -> None:
    stream("a", files=history(0, 10), complete=True, exitcode=1)
    graphql(UPSERT_RUN, name="a", project="p", entity="local")
    stream("a", files=history(10, 2))
    assert steps(graphql) == list(range(12))


def test_system_metrics(graphql: GraphQL, stream: Stream) -> None:
    events = {"offset": 0, "content": ['{"system.cpu": 1}', '{"system.cpu": 2}']}
    stream("a", files={"wandb-events.jsonl": events})
    assert [json.loads(text)["system.cpu"] for text in run(graphql)["events"]] == [1, 2]


def test_text_that_no_database_stores_is_replaced(graphql: GraphQL, stream: Stream) -> None:
    history = {"offset": 0, "content": ['{"_step": 0, "note": "a\\u0000b\\ud800"}']}
    log = {"offset": 0, "content": ["a\0b", "\ud800"]}
    stream("a", files={"wandb-history.jsonl": history, "output.log": log})
    assert json.loads(run(graphql)["history"][0])["note"] == "a\0b?"
    edges = graphql(LOG, first=2)["data"]["project"]["run"]["logLines"]["edges"]
    assert [edge["node"]["line"] for edge in edges] == ["a\ufffdb", "?"]


def test_a_step_that_no_database_stores_is_the_line_number(graphql: GraphQL, stream: Stream) -> None:
    content = ['{"_step": 0}', '{"_step": 1e30}', '{"_step": NaN}']
    stream("a", files={"wandb-history.jsonl": {"offset": 0, "content": content}})
    assert run(graphql)["historyKeys"]["lastStep"] == 2


def test_a_chunk_for_an_unknown_run_is_refused(stream: Stream) -> None:
    assert stream("nobody")["status"] == 404


@pytest.mark.parametrize(
    ("body", "encoding", "message"),
    [
        (b"{", "", "Expecting property name"),
        (b"[]", "", "expected a JSON object, got []"),
        (b"no gzip", "gzip", "Not a gzipped file"),
        (gzip.compress(b"{}" * 100, mtime=0)[:20] + b"broken", "gzip", ""),
        (
            b'{"files": {"wandb-history.jsonl": {"content": ["{}", "{"]}}}',
            "",
            "line 1 of wandb-history.jsonl",
        ),
        (b'{"files": {"wandb-events.jsonl": {"offset": -1}}}', "", "wandb-events.jsonl has no line -1"),
        (b'{"files": {"wandb-summary.json": {"content": [3]}}}', "", "line 0 of wandb-summary.json"),
        (b'{"complete": true, "exitcode": "no"}', "", "'no'"),
        (b'{"complete": true, "exitcode": Infinity}', "", "infinity"),
        (b'{"files": {"output.log": {"offset": 1e30}}}', "", "output.log has no line 1"),
        (b'{"files": ' + b"[" * 100_000, "", "nested deeper than 100 levels"),
    ],
)
def test_a_broken_chunk_is_refused_whole(
    backend: Backend, graphql: GraphQL, body: bytes, encoding: str, message: str
) -> None:
    response = receive(backend, ("local", "p", "a"), body, {"content-encoding": encoding})
    assert response.status_code == 400 and message in bytes(response.body).decode()
    assert run(graphql)["history"] == [] and run(graphql)["state"] == "running"


@pytest.mark.parametrize("name", ["wandb-history.jsonl", "wandb-events.jsonl", "output.log"])
@pytest.mark.parametrize("content", [[], ["{}"]])
def test_a_wild_offset_does_not_change_the_line_count(
    name: str, content: list[str], graphql: GraphQL, stream: Stream
) -> None:
    """The next process of a run continues behind the last line."""
    column = {"wandb-history.jsonl": "historyLineCount", "wandb-events.jsonl": "eventsLineCount"}
    stream("a", files={name: {"offset": 0, "content": ["{}"] * 3}})
    for offset in (2**31 - 1, 2**31 - 2, 1_000_000):
        refused = stream("a", files={name: {"offset": offset, "content": content}})
        assert refused["status"] == 400
        assert f"line {offset}" in refused["errors"][0]["message"]
    assert "line 1000000 is far beyond the 3 stored lines" in refused["errors"][0]["message"]
    assert run(graphql)[column.get(name, "logLineCount")] == 3
    assert stream("a", files={name: {"offset": 3, "content": ["{}"]}})["status"] == 200
    assert run(graphql)[column.get(name, "logLineCount")] == 4


def test_a_run_goes_on_after_a_restore_of_an_older_backup(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    with backend.database.write() as connection:
        connection.execute(runs.runs.update().values(started_at=runs.runs.c.started_at - 365 * 24 * 3600))
    assert stream("a", files={"output.log": {"offset": 5_000_000, "content": ["more"]}})["status"] == 200
    assert stream("a", files={"output.log": {"offset": 2**31 - 2, "content": ["x"]}})["status"] == 400


@pytest.mark.parametrize(
    ("name", "line"),
    [("output.log", "0," * 2_500_000), ("wandb-history.jsonl", '{"x": [' + "0," * 2_500_000 + "0]}")],
)
def test_a_client_is_not_stuck_with_many_numbers(name: str, line: str, stream: Stream) -> None:
    """The client would repeat a refused chunk for ever."""
    assert stream("a", files={name: {"offset": 0, "content": [line]}})["status"] == 200
