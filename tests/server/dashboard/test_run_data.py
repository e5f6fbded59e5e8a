"""The data of the run page: only what is new, choices of charts, the log, and what hostile clients log."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.store import blobs, files, lines, runs
from litsweep.server.store.lines import Line
from tests.server.dashboard.conftest import EVIL, backend_of

RUN = "/local/p/runs/going"


def data(http: TestClient, path: str) -> Any:
    response = http.get(f"/-/data{RUN}{path}")
    assert response.status_code == 200, response.text
    return response.json()


def log(http: TestClient, *rows: dict[str, Any], stream: str = lines.HISTORY, start: int = 2) -> None:
    """Add lines to the run, whose history has two lines before."""
    with backend_of(http).database.write() as connection:
        run = runs.find_by_path(connection, "local", "p", "going")
        assert run is not None
        body = [Line(start + i, json.dumps(row), row.get("_step")) for i, row in enumerate(rows)]
        lines.put(connection, run.id, stream, body)


def store(http: TestClient, name: str, content: bytes) -> None:
    """Add a file to the run."""
    backend = backend_of(http)
    with backend.database.write() as connection:
        run = runs.find_by_path(connection, "local", "p", "going")
        assert run is not None
        key = files.declare(connection, run.id, name, backend.blobs.new_key())
        written = backend.blobs.put(key, content)
        blobs.mark_stored(connection, key, written.size, written.md5)


def set_run(http: TestClient, **values: str) -> None:
    with backend_of(http).database.write() as connection:
        run = runs.find_by_path(connection, "local", "p", "going")
        assert run is not None
        runs.change(connection, run.id, **values)


@pytest.fixture(autouse=True)
def _sweep(sweep: str) -> None:
    """Every test has the runs of a sweep."""


def test_only_charts_with_new_points_are_sent(http: TestClient) -> None:
    log(http, {"_step": 2, "loss": 1.0}, {"_step": 3, "loss": 0.5})
    first = data(http, "/figures?name=val_acc&name=loss")
    assert first["figures"].keys() == {"val_acc", "loss"} and first["lines"] == 4
    log(http, {"_step": 4, "loss": 0.4}, start=4)
    then = data(http, "/figures?name=val_acc&name=loss&since=4")
    assert then["lines"] == 5 and then["figures"].keys() == {"loss"}
    assert then["figures"]["loss"]["data"][0]["y"] == [1.0, 0.5, 0.4]
    assert data(http, "/figures?name=val_acc&name=loss&since=5")["figures"] == {}


def test_a_long_run_is_sent_in_few_points(http: TestClient) -> None:
    log(http, *({"_step": i, "loss": i % 977} for i in range(2, 20_000)))
    response = http.get(f"/-/data{RUN}/figures?name=loss")
    assert len(response.content) < 12_000


def test_the_x_axis_of_a_metric(http: TestClient) -> None:
    rows = [{"_step": 2 + i, "_runtime": 1.5 * i, "epoch": i // 2, "loss": i} for i in range(4)]
    log(http, *rows)
    definitions = [{"1": "epoch"}, {"2": "lo*", "5": 1}]
    set_run(http, config=json.dumps({"_wandb": {"value": {"m": definitions}}}))
    assert data(http, "/charts")["x"] == ["own", "step", "time", "wall", "epoch"]

    def places(x: str) -> Any:
        return data(http, f"/figures?name=loss&x={x}")["figures"]["loss"]["data"][0]["x"]

    assert places("own") == places("epoch") == [0, 0, 1, 1]
    assert places("step") == places("absent") == [2, 3, 4, 5]
    assert places("time") == [0, 1.5, 3, 4.5]


@pytest.mark.parametrize("smoothing", ["1", "-1", "x", "nan"])
def test_a_wrong_choice_is_refused(http: TestClient, smoothing: str) -> None:
    response = http.get(f"/-/data{RUN}/figures?name=val_acc&smoothing={smoothing}")
    assert response.status_code == 400 and "from 0 to below 1" in response.text


def test_devices_of_one_kind_share_a_chart(http: TestClient) -> None:
    usage = [{"_runtime": i, "system.gpu.0.gpu": 10 * i, "system.gpu.1.gpu": 5 * i} for i in range(3)]
    log(http, *usage, stream=lines.EVENTS, start=0)
    (group,) = data(http, "/system")["groups"]
    (chart,) = group["charts"]
    assert (group["group"], chart["name"]) == ("GPU", "gpu.gpu")
    assert [(line["name"], line["y"]) for line in chart["figure"]["data"]] == [
        ("0", [0, 10, 20]),
        ("1", [0, 5, 10]),
    ]


def test_the_log_is_paged_and_searched(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        run = runs.find_by_path(connection, "local", "p", "going")
        assert run is not None
        bodies = [f"2026-11-27T10:00:00.1 \x1b[3{i % 8}mli\x1b[0mne {i}" for i in range(3000)]
        lines.put(connection, run.id, lines.LOG, [Line(i, body) for i, body in enumerate(bodies)])
        runs.change(connection, run.id, log_lines=3000)
    page = data(http, "/log?from=10&to=12")
    assert (page["start"], page["total"], len(page["lines"])) == (10, 3000, 2)
    assert data(http, "/log/search?text=LINE%2029") == {
        "count": 111,
        "lines": [29, *range(290, 300), *range(2900, 3000)],
    }
    assert data(http, "/log/search?text=2026") == {"count": 1, "lines": [2026]}
    assert data(http, "/log/search?text=")["count"] == 0


HOSTILE: list[dict[str, Any]] = [
    {"_type": "table-file", "path": "media/table/broken.json"},
    {"_type": "table-file", "path": "media/table/list.json"},
    {"_type": "table-file", "path": 3},
    {"_type": "table-file", "artifact_path": "wandb-client-artifact://none/x"},
    {"_type": "table-file", "artifact_path": "wandb-artifact://zz/x", "path": "absent"},
    {"_type": "histogram", "values": ["x"], "bins": [1]},
    {"_type": "histogram", "values": [1], "bins": ["NaN", 2]},
    {"_type": "histogram", "values": [1, 2], "packedBins": {"min": 0, "size": "x", "count": 2}},
    {"_type": "images/separated", "filenames": "none", "captions": False},
    {"_type": "images/separated", "filenames": ["../../api_key", 3], "captions": ["one"], "all_boxes": [3]},
    {"_type": "image-file", "path": "media/x.png", "boxes": {"a": 3, "b": {"path": "media/table/list.json"}}},
    {"_type": "plotly-file", "path": "media/table/list.json"},
    {"_type": "audio", "audio": [3, {"path": "a.wav"}]},
    {"_type": ["odd"], "path": "x"},
    {"_type": f"new-kind {EVIL}", "value": EVIL},
    {"_type": "html-file", "path": f"media/html/{EVIL}.html"},
]


@pytest.mark.parametrize("media", HOSTILE, ids=str)
def test_no_media_object_breaks_the_page(http: TestClient, media: dict[str, Any]) -> None:
    store(http, "media/table/broken.json", b"{")
    store(http, "media/table/list.json", b"[1, 2]")
    chart = {"panel_config": {"panelDefId": 3, "fieldSettings": [], "stringSettings": "x"}}
    set_run(http, config=json.dumps({"_wandb": {"value": {"visualize": {"c": chart, "d": 3}}}}))
    log(http, {"_step": 2, f"k {EVIL}": media, "c_table": media})
    assert {group["name"] for group in data(http, "")["media"]} == {f"k {EVIL}", "c"}
    for name in (f"k {EVIL}", "c"):
        shown = http.get(f"/-/data{RUN}/media", params={"name": name})
        assert shown.status_code == 200 and EVIL not in shown.json()["html"]
        assert (
            "api_key" not in shown.json()["html"].replace("api_key</a>", "") or "(no file here)" in shown.text
        )


def test_a_table_with_odd_rows_is_shown(http: TestClient) -> None:
    table = {"columns": ["a", EVIL], "data": [[1], [10**400, {"x": EVIL}], ["t", None, 3], [None, True]]}
    store(http, "media/table/t.json", json.dumps(table).encode())
    log(http, {"_step": 2, "t": {"_type": "table-file", "path": "media/table/t.json"}})
    for query in ("", "&sort=a", "&sort=a&order=descending", "&sort=none", "&start=99"):
        assert EVIL not in data(http, f"/media?name=t{query}")["html"]


def test_no_definition_of_a_chart_breaks_the_page(http: TestClient) -> None:
    store(http, "media/table/t.json", b'{"columns": ["x", "y"], "data": [[1, 2]]}')
    table = {"_type": "table-file", "path": "media/table/t.json"}
    log(http, {"_step": 2, "c_table": table})
    configs: list[Any] = [
        {"panelDefId": 3, "fieldSettings": [1], "stringSettings": "x"},
        {"panelDefId": "wandb/line/v0", "fieldSettings": {"x": ["x"], "y": None}},
        {"panelDefId": "wandb/line/v0", "fieldSettings": {"x": "x", "y": "y"}, "userQuery": {"name": []}},
        [],
    ]
    for config in configs:
        visualize = {"c": {"panel_config": config}}
        set_run(http, config=json.dumps({"_wandb": {"value": {"visualize": visualize}}}))
        assert "<td" in data(http, "/media?name=c")["html"]


def test_a_logged_page_has_no_rights(http: TestClient) -> None:
    cloud = '<link rel="stylesheet" type="text/css" href="https://app.wandb.ai/normalize.css" />'
    store(http, "media/html/p.html", f"{cloud}<h1>page</h1>".encode())
    response = http.get(f"/-/html/file{RUN}/media/html/p.html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';") and "same-origin" not in policy
    assert response.text == "<h1>page</h1>"
    assert http.get(f"/-/html/file{RUN}/media/table/p.json").status_code == 404


def test_what_repeats_a_run(http: TestClient) -> None:
    metadata = {
        "program": "train.py",
        "args": ["--lr", "a b"],
        "python": "CPython 3.11",
        "gpu": "H100",
        "gpu_count": 2,
        "git": {"commit": "abc", "remote": f"git@{EVIL}"},
    }
    store(http, "wandb-metadata.json", json.dumps(metadata).encode())
    store(http, "diff.patch", f"+{EVIL}".encode())
    code = data(http, "/parts")["code"]
    assert "train.py --lr &#39;a b&#39;" in code and "2 x H100" in code and "abc" in code
    assert EVIL not in code and "diff.patch" in code
    shown = data(http, "/text?name=diff.patch")["html"]
    assert "&lt;img" in shown and EVIL not in shown
    assert http.get(f"/-/data{RUN}/text?name=../api_key").status_code == 404


def test_config_and_summary_as_text(http: TestClient) -> None:
    set_run(http, summary=json.dumps({"acc": 0.5, "note": "done", "_step": 3, "best": {"max": "NaN"}}))
    lines = data(http, "/values?what=summary&as=yaml")["text"].splitlines()
    assert lines == ["acc: 0.5", "best:", "  max: NaN", "note: done"]
    assert json.loads(data(http, "/values?what=config&as=json")["text"])["optimizer"] == "adam"
    assert data(http, "")["texts"] == {"note": "done"}
    html = data(http, "/summary")["html"]
    assert (
        "<dt>note</dt><dd>done</dd>" in html["summary"] and '<td class="number">0.5</td>' in html["summary"]
    )


def test_swept_parameters_come_first(http: TestClient) -> None:
    values = {"lr": 0.01, "optimizer": "adam", "epochs": 3, "big": 10**30, "list": [1, EVIL], "a": None}
    set_run(http, config=json.dumps({name: {"value": value} for name, value in values.items()}))
    html = data(http, "/summary")["html"]["config"]
    assert EVIL not in html and "1e30" in html
    swept, _, rest = html.partition("<summary>3 more values</summary>")
    assert "<dt>lr</dt><dd>0.01</dd>" in swept and "<dt>a</dt><dd>–</dd>" in rest
