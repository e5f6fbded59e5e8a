"""The tables of runs: filter, order, columns, groups, pages and export."""

import csv
import io
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.backend import Backend
from litsweep.server.dashboard import run_cells
from litsweep.server.dashboard.run_cells import CachedRuns, CellCache
from litsweep.server.store import projects, runs, sweeps
from tests.server.dashboard.conftest import EVIL, SWEEP, add_run, backend_of, fill_two_metrics


def table(http: TestClient, path: str, **query: object) -> Any:
    response = http.get(f"/-/data{path}/table", params={key: str(value) for key, value in query.items()})
    assert response.status_code == 200, response.text
    return response.json()


def names(http: TestClient, path: str, **query: object) -> list[str]:
    return [row["name"] for row in table(http, path, **query)["rows"]]


def column(http: TestClient, path: str, key: str, **query: object) -> dict[str, Any]:
    found = table(http, path, columns=key, **query)
    return {row["name"]: row["cells"][0] for row in found["rows"]}


def refused(http: TestClient, path: str, **query: object) -> str:
    response = http.get(f"/-/data{path}/table", params={key: str(value) for key, value in query.items()})
    assert response.status_code == 400
    return str(response.json()["errors"][0]["message"])


@pytest.fixture
def seeds(http: TestClient) -> str:
    """Return the path of a sweep with two groups of three seeds, and their project's `seeds`."""
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "seeds")
        made = sweeps.add(connection, project.id, config=SWEEP)
        for i, (lr, acc) in enumerate([(0.1, 0.5), (0.1, 0.6), (0.1, 0.7), (0.2, 0.8), (0.2, 0.9), (0.2, 1)]):
            config = {"lr": lr, "optimizer": "sgd", "seed": i % 3, "net": {"depth": 2 + i % 2}, "a,b %": [i]}
            more = {
                "state": "failed" if i == 5 else "finished",
                "parameters": json.dumps({"lr": lr, "optimizer": "sgd", "epochs": 3}),
                "config": json.dumps({key: {"value": value} for key, value in config.items()}),
                "display_name": f"run-{9 + i}",
                "tags": json.dumps(["odd"] if i % 2 else []),
                "notes": "=1+1" if i == 0 else "-x" if i == 1 else None,
                "group_name": f"g{i % 2}",
                "host": "node",
            }
            add_run(connection, project.id, made.id, f"r{i}", [acc, acc / 2], more)
    return f"/local/seeds/sweeps/{made.name}"


def test_the_columns_of_a_sweep(http: TestClient, sweep: str) -> None:
    found = table(http, sweep)
    shown = ["name", "state", "config.lr", "config.optimizer", "best.val_acc", "last.val_acc", "duration"]
    assert found["shown"] == [*shown, "reason"]
    columns = {each["key"]: each for each in found["columns"]}
    assert [key for key, each in columns.items() if each["shown"]] == found["shown"]
    assert columns["name"]["pinned"] and columns["name"]["title"] == "Run"
    kinds = {"best.val_acc": "number", "config.optimizer": "text", "created": "time", "state": "state"}
    assert {key: columns[key]["kind"] for key in kinds} == kinds
    others = {"summary.test_acc", "config.epochs", "agent", "host", "tags", "notes", "retries", "group", "id"}
    assert others <= columns.keys()
    assert (found["total"], found["matching"], found["sort"]) == (4, 4, ["-best.val_acc"])
    assert [row["name"] for row in found["rows"]] == ["good", "going", "diverged", "cut"]
    assert [row["is_best"] for row in found["rows"]] == [True, False, False, False]
    assert found["rows"][3]["cells"][:6] == ["cut", "stopped early", 0.01, "adam", 0.2, 0.2]
    assert [row["why"] for row in found["rows"]] == [None, None, "diverged", "hyperband"]


def test_a_project_shows_hyperparameters_that_differ(http: TestClient, seeds: str) -> None:
    found = table(http, "/local/seeds")
    assert found["shown"][:3] == ["name", "state", "sweep"]
    differ = {"config.lr", "config.seed", "config.net.depth", "config.a,b %"}
    assert {key for key in found["shown"] if key.startswith("config.")} == differ
    assert {"summary.val_acc", "summary.test_acc", "created"} <= set(found["shown"])
    assert [row["name"] for row in found["rows"]] == [f"r{i}" for i in range(6)][::-1]  # the newest first


def test_several_metrics_have_a_front(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    assert {"best.val_acc", "best.latency_ms", "front"} <= set(table(http, two)["shown"])
    assert column(http, two, "front") == {
        "accurate": "front",
        "fast": "front",
        "behind": None,
        "broken": None,
        "half": None,
    }
    assert column(http, two, "last.latency_ms")["fast"] == 2


def test_runs_are_filtered(http: TestClient, seeds: str) -> None:
    for path in (seeds, "/local/seeds"):
        assert names(http, path, filter="lr > 0.1 and seed in [1, 2]", sort="name") == ["r4", "r5"]
        assert names(http, path, filter='"odd" in tags and state != "failed"', sort="name") == ["r1", "r3"]
        assert names(http, path, filter='config["a,b %"] == [3]') == ["r3"]
        assert names(http, path, filter='name == "run-10"') == names(http, path, filter="RUN-10") == ["r1"]
        assert len(names(http, path, filter='created > "2020-01-01" and duration == 60')) == 6
    assert names(http, seeds, filter="best.val_acc >= 0.9", sort="-best.val_acc") == ["r5", "r4"]
    found = table(http, seeds, filter="lr > 0.1", length=2)
    assert (found["total"], found["matching"], found["count"], len(found["rows"])) == (6, 3, 3, 2)
    assert "did you mean seed?" in refused(http, seeds, filter="lr > 1 or seeed == 1")


def test_runs_are_sorted_by_several_columns(http: TestClient, seeds: str) -> None:
    assert names(http, seeds, sort="config.seed,-config.lr") == ["r3", "r0", "r4", "r1", "r5", "r2"]
    assert names(http, seeds, sort="name") == [f"r{i}" for i in range(6)]  # run-9 before run-10
    assert names(http, seeds, sort="notes") == ["r1", "r0", "r2", "r3", "r4", "r5"]
    assert names(http, seeds, sort="-notes")[:2] == ["r0", "r1"]  # those without come last in both directions
    assert names(http, seeds, sort="-created", start=4, length=50) == ["r1", "r0"]
    assert "did you mean created?" in refused(http, seeds, sort="creatd")
    assert "start" in refused(http, seeds, start=-1) and "length" in refused(http, seeds, length=10**6)


def test_columns_are_chosen(http: TestClient, seeds: str) -> None:
    found = table(http, seeds, columns="summary.val_acc,config.a%2Cb %25,tags,config.none")
    assert found["shown"] == ["summary.val_acc", "config.a,b %", "tags", "config.none"]
    assert found["rows"][0]["cells"] == [0.5, [5], ["odd"], None]
    assert "did you mean" in refused(http, seeds, columns="namee")


def test_groups_have_a_mean_an_interval_and_the_best(http: TestClient, seeds: str) -> None:
    found = table(http, seeds, group="config.lr", columns="best.val_acc", sort="-best.val_acc")
    assert found["shown"] == ["config.lr", "n", "best.val_acc"] and found["count"] == 2
    (high, low) = found["rows"]
    assert high["cells"][:2] == [0.2, 3] and low["cells"][:2] == [0.1, 3]
    assert low["cells"][2] == pytest.approx(
        {"mean": 0.6, "half": 4.302653 * 0.1 / 3**0.5, "n": 3, "best": 0.7}
    )
    assert high["cells"][2] | {"half": 0} == pytest.approx({"mean": 0.85, "half": 0, "n": 2, "best": 0.9})
    with backend_of(http).database.write() as connection:  # without the failed run, and without one that runs
        project = projects.find(connection, "local", "seeds")
        run = runs.find(connection, project.id, "r0") if project else None
        assert run is not None
        runs.change_state(connection, [run.id], {"state": "running"})
    alive = table(http, seeds, group="config.lr", columns="best.val_acc")["rows"][0]["cells"]
    assert alive[1] == 3 and alive[2]["mean"] == pytest.approx(0.65)
    assert names(http, seeds, filter=low["filter"], sort="name") == ["r0", "r1", "r2"]


def test_groups_by_all_but_the_seed(http: TestClient, seeds: str) -> None:
    found = table(http, seeds, group="all but seed")
    assert set(found["group"]) == {"config.lr", "config.net.depth", "config.a,b %"}
    grouped = table(http, seeds, group="config.lr,config.net.depth", columns="duration")
    assert sorted(row["cells"][:3] for row in grouped["rows"]) == [
        [0.1, 2, 2],
        [0.1, 3, 1],
        [0.2, 2, 1],
        [0.2, 3, 2],
    ]
    for row in grouped["rows"]:
        assert len(names(http, seeds, filter=row["filter"])) == row["cells"][2]
    one = table(http, seeds, group="notes", columns="best.val_acc")
    assert [row["cells"][2]["half"] is None for row in one["rows"]] == [False, True, True]
    for row in one["rows"]:
        assert len(names(http, seeds, filter=row["filter"])) == row["cells"][1]
    assert "is a time" in refused(http, seeds, group="created")


def test_groups_are_those_of_the_chart(http: TestClient) -> None:
    """A run that the search stopped and that then failed counts nowhere; 2 and 2.0 are one value."""
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "alike")
        made = sweeps.add(connection, project.id, config=SWEEP)
        early = {"state": "failed", "stopped_by": "search"}
        done = {"state": "finished"}
        rows = [(2, done), (2.0, done), (2, early), (2, {"state": "running"}), (True, done)]
        for i, (value, state) in enumerate(rows):
            config = json.dumps({"lambda": {"value": value}, "seed": {"value": i}})
            add_run(connection, project.id, made.id, f"r{i}", [0.1 * i], {**state, "config": config})
    path = f"/local/alike/sweeps/{made.name}"
    found = table(http, path, group="config.lambda", columns="best.val_acc")["rows"]
    assert [row["cells"][:2] for row in found] == [[2, 4], [True, 1]]
    assert [len(names(http, path, filter=row["filter"])) for row in found] == [4, 1]
    both = found[0]["cells"][2]
    assert (both["n"], both["mean"], both["best"]) == (2, pytest.approx(0.05), pytest.approx(0.3))
    best, means = http.get(f"/-/data{path}/charts/groups", params={"by": "config.lambda"}).json()["data"]
    place = means["x"].index(pytest.approx(both["mean"]))
    assert means["error_x"]["array"][place] == pytest.approx(both["half"], rel=1e-3)
    assert best["x"][place] == pytest.approx(both["best"])


def test_a_chart_keeps_the_runs_of_a_filter(http: TestClient, seeds: str) -> None:
    query = {"filter": "lr > 0.1"}
    traces = http.get(f"/-/data{seeds}/charts/best", params=query).json()["data"]
    faint = [trace["customdata"] for trace in traces if trace.get("marker", {}).get("color") == "role:line"]
    assert faint == [["r0", "r1", "r2"]]
    assert http.get(f"/-/data{seeds}/charts/best", params={"filter": "lrr > 1"}).status_code == 400


def test_the_export_has_all_runs_and_every_digit(http: TestClient, seeds: str) -> None:
    query = {"columns": "name,notes,summary.val_acc,tags,created", "sort": "name", "length": "1"}
    response = http.get(f"/-/data{seeds}/table.csv", params=query)
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"].endswith('.csv"')
    head, *rows = csv.reader(io.StringIO(response.text, newline=""))
    assert head == ["name", "notes", "summary.val_acc", "tags", "created"]
    assert [row[:4] for row in rows[:3]] == [
        ["run-9", "'=1+1", "0.25", "[]"],
        ["run-10", "'-x", "0.3", '["odd"]'],
        ["run-11", "", "0.35", "[]"],
    ]
    assert len(rows) == 6 and rows[0][4].startswith("20") and rows[0][4].endswith("+00:00")
    found = http.get(f"/-/data{seeds}/table.json", params=query | {"filter": "lr > 0.1"}).json()
    assert [row["name"] for row in found] == ["run-12", "run-13", "run-14"]
    assert found[0] | {"created": ""} == {
        "name": "run-12",
        "notes": None,
        "summary.val_acc": 0.4,
        "tags": ["odd"],
        "created": "",
    }
    grouped = http.get(
        "/-/data/local/seeds/table.csv", params={"group": "config.lr", "columns": "duration"}
    ).text
    assert grouped.splitlines()[0] == "config.lr,n,duration mean,duration 95% interval ±,duration best"
    assert http.get("/-/data/local/seeds/table.json", params={"filter": "nothing matches"}).json() == []
    assert http.get("/-/data/local/none/table.csv").status_code == 404
    assert http.get(f"/-/data{seeds}/table.csv", params={"filter": "lrr > 1"}).status_code == 400


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_text_is_a_formula_in_a_spreadsheet(http: TestClient, sweep: str, text: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        run = runs.find(connection, project.id, "cut")
        assert run is not None
        runs.change(connection, run.id, display_name=text, config=json.dumps({text: {"value": -1.5}}))
    query = {"columns": f"name,config.{text}", "filter": 'id == "cut"'}
    found = http.get("/-/data/local/p/table.csv", params=query).text
    assert list(csv.reader(io.StringIO(found, newline=""))) == [
        ["name", f"config.{text}"],
        [f"'{text}", "-1.5"],
    ]


def test_the_aggregates_of_a_metric_are_columns(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        run = runs.find(connection, project.id, "cut")
        assert run is not None
        summary = {
            "f1": {"max": 0.8, "min": 0.1},
            "image": {"_type": "image-file", "path": "x"},
            "bad": "NaN",
        }
        runs.change(connection, run.id, summary=json.dumps(summary))
    keys = {each["key"] for each in table(http, sweep)["columns"]}
    assert {"summary.f1.max", "summary.f1.min"} <= keys and "summary.f1" not in keys
    assert not [key for key in keys if "image" in key]
    assert column(http, sweep, "summary.f1.max")["cut"] == 0.8
    assert names(http, sweep, filter="f1 > 0.5") == names(http, sweep, filter="f1.max == .8") == ["cut"]
    assert names(http, sweep, filter="bad == nan") == ["cut"]


def test_a_table_follows_its_runs(http: TestClient, sweep: str) -> None:
    """What changes, is added or is deleted is in the next answer, and nothing else is read again."""
    before = http.get(f"/-/data{sweep}/table")
    tag = before.headers["etag"]
    assert http.get(f"/-/data{sweep}/table", headers={"If-None-Match": tag}).status_code == 304
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        found = {each: runs.find(connection, project.id, each) for each in ("good", "going", "cut")}
        assert all(found.values())
        ids = {each: run.id for each, run in found.items() if run}
        sweep_id = found["good"].sweep_id if found["good"] else None
        runs.change(connection, ids["good"], notes="kept", tags='["top"]')
        runs.delete(connection, ids["cut"])
        add_run(connection, project.id, sweep_id, "new", [0.7], {"state": "finished"})
    assert column(http, sweep, "notes")["good"] == "kept"
    assert names(http, sweep, filter='"top" in tags') == ["good"]
    assert names(http, "/local/p", sort="created") == ["good", "diverged", "going", "new"]


def test_a_pending_run_shows_its_suggestion(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.find(connection, sweep.rpartition("/")[2])
        assert made is not None
        add_run(connection, project.id, made.id, "next", [{}], {"state": "pending", "config": "{}"})
        repeat = {"state": "finished", "retry_of": "good"}
        add_run(connection, project.id, made.id, "again", [0.1], repeat)
    assert column(http, sweep, "config.lr")["next"] == 0.01
    assert column(http, sweep, "retries")["good"] == 1 and column(http, sweep, "retry_of")["again"] == "good"


def test_many_runs_of_a_project_are_all_there(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_cells, "FEW_RUNS", 100)
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "many")
        run = {"project_id": project.id, "state": "finished", "heartbeat_at": 1.0}
        rows = [
            {**run, "name": f"m{i}", "display_name": f"run-{i}", "created_at": i, "config": f'{{"i": {i}}}'}
            for i in range(2_500)
        ]
        for start in range(0, 2_500, 500):
            connection.execute(runs.runs.insert(), rows[start : start + 500])
    first = table(http, "/local/many")  # while the others are read
    assert (first["total"], first["matching"], first["count"]) == (2_500, 2_500, 2_500)
    assert [row["name"] for row in first["rows"]] == [f"m{i}" for i in range(2_499, 2_449, -1)]
    assert names(http, "/local/many", start=2_450, length=50) == [f"m{i}" for i in range(49, -1, -1)]
    assert table(http, "/local/many", filter="i < 1000")["matching"] == 1_000
    assert len(http.get("/-/data/local/many/table.csv").text.splitlines()) == 2_501


def test_the_first_page_of_a_large_sweep_is_that_of_its_whole_table(
    http: TestClient, seeds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = table(http, seeds, length=4)
    monkeypatch.setattr(run_cells, "FEW_RUNS", 2)
    http.app.state.cells = cells = CellCache()  # type: ignore[attr-defined]
    monkeypatch.setattr(cells, "warm", lambda *_: None)
    first = table(http, seeds, length=4)
    for key in ("rows", "total", "matching", "count", "sort", "shown"):
        assert first[key] == whole[key], key
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "seeds")
        made = sweeps.find(connection, seeds.rpartition("/")[2])
        assert made is not None
        more = {"state": "pending", "retry_of": "r4"}
        add_run(connection, project.id, made.id, "again", [{}], more)
    assert column(http, seeds, "retries")["r4"] == 1  # it needs all runs
    assert http.get("/-/data/local/seeds/sweeps/missing/table").status_code == 404


def test_a_project_that_is_read_ahead_misses_no_change(backend: Backend) -> None:
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "ahead")
        row = {"project_id": project.id, "state": "finished", "heartbeat_at": 1.0, "created_at": 1.0}
        old = [{**row, "name": f"r{i}", "display_name": "old"} for i in range(500)]
        connection.execute(runs.runs.insert(), old)
    known = CachedRuns((project.id, None))
    with backend.database.read() as older:
        assert known.read_some(older)
    with backend.database.write() as connection:
        found = {run.name: run.id for run in runs.of_project(connection, project.id)}
        for name in ("r0", "r499"):  # of the first piece, and of a later one
            runs.change(connection, found[name], display_name="new")
        for name in ("r1", "r498"):
            runs.delete(connection, found[name])
        runs.add(connection, project.id, "added", {"state": "finished", "display_name": "new"})
    assert not known.is_read
    with backend.database.read() as newer:
        while known.read_some(newer):
            pass
        known.update(newer)
    titles = {run.get("id"): run.get("title") for run in known.cells}
    assert len(titles) == 499
    assert {name for name, title in titles.items() if title == "new"} == {"r0", "r499", "added"}


def test_no_request_waits_until_another_project_is_read(http: TestClient, sweep: str, seeds: str) -> None:
    with backend_of(http).database.read() as connection:
        project = projects.find(connection, "local", "seeds")
        assert project is not None
    cells: CellCache = http.app.state.cells  # type: ignore[attr-defined]
    names(http, "/local/seeds", sort="name")
    with cells._of((project.id, None)).lock:  # as while it is read
        assert names(http, sweep, sort="name") and names(http, "/local/p", sort="name")


def test_a_page_has_six_digits_and_an_export_all(http: TestClient, seeds: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "seeds")
        more = {"state": "finished"}
        add_run(connection, project.id, None, "exact", [{"x": 0.123456789}], more)
    shown = table(http, "/local/seeds", filter="name == 'exact'", columns="summary.x,created")
    exact, created = shown["rows"][0]["cells"]
    assert exact == 0.123457 and created > 1e9
    assert "0.123456789" in http.get("/-/data/local/seeds/table.csv?columns=summary.x").text


def test_names_are_data(http: TestClient, sweep: str) -> None:
    assert table(http, sweep)["rows"][0]["cells"][0] == f"good {EVIL}"
    assert names(http, sweep, filter=json.dumps(EVIL)) == ["good"]
    assert http.get("/-/data/local/none/table").status_code == 404
    assert http.get("/-/data/local/p/sweeps/none/table").status_code == 404


def test_the_tables_script_comes_from_the_package(http: TestClient) -> None:
    response = http.get("/-/datatables.js")
    assert response.headers["content-type"].startswith("text/javascript") and "DataTables" in response.text
    http.cookies.clear()
    assert http.get("/-/datatables.js", follow_redirects=False).status_code in (303, 401)
