"""The data of the compare page, and the filters of brushes."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.store import blobs, files, lines, projects, runs
from litsweep.server.store.lines import Line
from tests.server.dashboard.conftest import backend_of, fill_grid, fill_two_metrics


def get(http: TestClient, path: str, status: int = 200, **query: object) -> Any:
    """Return the data at a path of the dashboard's data."""
    response = http.get(f"/-/data{path}", params={key: str(value) for key, value in query.items()})
    assert response.status_code == status, response.text
    return response.json()


def message(http: TestClient, path: str, status: int, **query: object) -> str:
    """Return the message of a refusal."""
    return str(get(http, path, status, **query)["errors"][0]["message"])


def store_file(http: TestClient, run: str, name: str, content: bytes) -> None:
    """Give a run of local/p a file."""
    backend = backend_of(http)
    with backend.database.write() as connection:
        project = projects.find(connection, "local", "p")
        assert project is not None
        record = runs.find(connection, project.id, run)
        assert record is not None
        key = files.declare(connection, record.id, name, backend.blobs.new_key())
        written = backend.blobs.put(key, content)
        blobs.mark_stored(connection, key, written.size, written.md5)


def test_differences_between_runs_come_first(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.find(connection, "local", "p")
        assert project is not None
        record = runs.find(connection, project.id, "cut")
        assert record is not None
        config = {"lr": {"value": 0.01}, "optimizer": {"value": "sgd"}, "epochs": {"value": 3}}
        runs.change(connection, record.id, config=json.dumps(config))
        row = {"val_acc": 0.4, "only_here": 1, "_step": 1}
        lines.put(connection, record.id, lines.HISTORY, [Line(1, json.dumps(row), 1)])
    for run, version in (("good", b"1"), ("cut", b"2"), ("going", b"1")):
        store_file(http, run, "requirements.txt", b"torch==2.7\nlightning==2." + version)
    store_file(http, "good", "code/train.py", b"print(1)")
    found = get(http, "/local/p/compare", runs="good,cut,going")
    assert [run["name"] for run in found["runs"]] == ["good", "cut", "going"]
    config_rows = found["tables"][0]["rows"]
    assert config_rows[0] == {"name": "optimizer", "values": ["adam", "sgd", "adam"], "differs": True}
    assert [row["name"] for row in config_rows] == ["optimizer", "epochs", "lr"]
    assert [row["values"] for row in found["code"]] == [["A", None, None], ["A", "B", "A"]]
    assert [chart["name"] for chart in found["charts"]] == ["val_acc"]
    assert found["images"][0]["images"][0] == {"name": "media/images/a b_3_0f.png", "step": 3}
    changed = get(http, "/local/p/compare/difference", runs="good,cut,going", file="requirements.txt")
    assert changed["lines"][-2:] == ["-lightning==2.1", "+lightning==2.2"]
    figure = get(http, "/local/p/compare/chart", runs="good,cut,diverged", chart="val_acc")
    assert [trace["customdata"] for trace in figure["data"]] == [["good"], ["cut"], ["diverged"]]
    assert figure["data"][2]["y"] == [0.4]  # without its NaN


def test_sweeps_are_compared(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        two, grid = fill_two_metrics(connection), fill_grid(connection)
    name = two.rpartition("/")[2]
    found = get(http, "/local/two/compare", sweeps=name)
    result = {row["name"]: row["values"] for row in found["tables"][0]["rows"]}
    assert (result["best val_acc"], result["runs"], result["method"]) == ([0.9], [5], ["bayes"])
    figure = get(http, "/local/two/compare/chart", sweeps=name, chart="best", metric="latency_ms")
    assert figure["data"][0]["y"][-1] == 2
    options = {"sweeps": name, "chart": "best", "metric": "nothing"}
    assert "must be one of val_acc, latency_ms" in message(http, "/local/two/compare/chart", 400, **options)
    other = grid.rpartition("/")[2]
    assert "two has no sweep" in message(http, "/local/two/compare", 404, sweeps=other)


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({}, 400, "runs: must be 1 to 20 names"),
        ({"runs": ",".join(f"r{i}" for i in range(21))}, 400, "got 21"),
        ({"runs": "good,nope"}, 404, "p has no run 'nope'"),
    ],
)
def test_a_wrong_comparison_says_why(
    http: TestClient, sweep: str, query: dict[str, str], status: int, text: str
) -> None:
    assert text in message(http, "/local/p/compare", status, **query)
    assert http.get("/local/p/compare", params=query).status_code == 200  # the page, which shows the message


def test_a_brush_is_a_clause_of_the_filter(http: TestClient, sweep: str) -> None:
    path = f"{sweep}/charts/parallel/brush"
    clause = get(http, path, axis="config.lr", low=0.5, high=1)["clause"]
    assert clause == "config.lr >= 0.00316228"
    names = [row["name"] for row in get(http, f"{sweep}/table", filter=clause)["rows"]]
    assert sorted(names) == ["cut", "diverged", "going", "good"]
    whole = get(http, path, axis="config.lr", low=0, high=1)
    assert whole == {"clause": "", "filter": "", "brushes": ""}
    assert "must be one of config.lr" in message(http, path, 400, axis="config.nope", low=0, high=0.5)
    assert message(http, path, 400, axis="config.lr", low="nan", high=1).startswith("low: must be a number")


def test_a_brush_changes_the_filter_and_the_brushes(http: TestClient, sweep: str) -> None:
    path, lr, acc = f"{sweep}/charts/parallel/brush", "config.lr >= 0.00316228", "best.val_acc >= 0.4"

    def brushed(filter: str, brushes: Any, axis: str, low: float = 0, high: float = 1) -> tuple[str, Any]:
        kept = json.dumps(brushes)
        found = get(http, path, filter=filter, brushes=kept, axis=axis, low=low, high=high)
        return found["filter"], json.loads(found["brushes"] or "{}")

    own = {"config.lr": [0.5, 1, lr]}
    assert brushed("", {}, "config.lr", 0.5) == (lr, own)
    assert brushed("seed == 1", {}, "config.lr", 0.5) == (f"seed == 1 and {lr}", own)
    assert brushed("a or b", {}, "config.lr", 0.5) == (f"(a or b) and {lr}", own)
    both = {**own, "best.val_acc": [0.3, 1, acc]}
    filter, kept = brushed(f"{lr} and {acc}", both, "config.lr", 0, 0.5)
    assert filter == f"{acc} and {kept['config.lr'][2]}" and kept["config.lr"][:2] == [0, 0.5]
    assert brushed(f"{lr} and {acc}", both, "config.lr") == (acc, {"best.val_acc": [0.3, 1, acc]})
    assert brushed(f"x == 1 and {lr} and {acc}", both, "") == ("x == 1", {})
    assert brushed("x == 1", both, "config.lr") == ("x == 1", {})  # the clauses have left the filter
    for wrong in ("[]", "{", '{"config.lr": 1}', '{"config.lr": [1]}'):
        said = message(http, path, 400, axis="config.lr", low=0, high=1, brushes=wrong)
        assert said.startswith("brushes: must be JSON such as")
