"""The table of runs as HTML, and its menus."""

import json
import re
from html import unescape
from typing import Any

from starlette.testclient import TestClient

from litsweep.server.store import projects, runs
from tests.server.dashboard.conftest import EVIL, EVIL_ESCAPED, backend_of, fill_two_metrics


def shown(http: TestClient, path: str, kind: str = "html", **query: object) -> Any:
    response = http.get(f"/-/data{path}/table", params={"as": kind, **{k: str(v) for k, v in query.items()}})
    assert response.status_code == 200, response.text
    return response.json()


def change(http: TestClient, project: str, name: str, **values: object) -> None:
    with backend_of(http).database.write() as connection:
        run = runs.find(connection, projects.ensure(connection, "local", project).id, name)
        assert run is not None
        runs.change(connection, run.id, **values)


def test_the_head_of_a_table_says_what_datatables_needs(http: TestClient, sweep: str) -> None:
    found = shown(http, sweep)
    html = unescape(found["html"])
    assert found["shown"][0] == "name" and html.count("<th ") == len(found["shown"]) + 1
    assert found["order"] == [[5, "desc"]] and "Runs of the sweep</caption>" in html
    assert '<th scope="col" title="best.val_acc" data-data="5" data-name="best.val_acc"' in html
    assert 'data-class-name="number" class="descending">best val_acc</th>' in html
    assert "columns" not in found and found["text"] == "4 runs"
    assert shown(http, sweep, filter="lr > 1")["text"] == "0 of 4 runs"
    assert "Runs of the project</caption>" in shown(http, "/local/p")["html"]
    assert shown(http, sweep, sort="config.optimizer,-config.lr")["order"] == [[4, "asc"], [3, "desc"]]


def test_the_cells_of_runs(http: TestClient, sweep: str) -> None:
    change(http, "p", "cut", tags=json.dumps(["<b>", "two"]), notes=EVIL)
    columns = "name,state,config.lr,tags,notes,duration,created,config.optimizer,config.none"
    found = shown(http, sweep, columns=columns, sort="name")
    assert EVIL not in json.dumps(found) and "<b>" not in json.dumps(found)
    cut, diverged, _, good = found["rows"]
    assert cut["0"] == '<input type="checkbox" value="cut" data-state="runs" aria-label="Choose run cut">'
    assert cut["1"] == '<a href="/local/p/runs/cut" title="cut">cut</a>' and EVIL_ESCAPED in good["1"]
    assert cut["2"].startswith('<span class="badge stopped-early">stopped early</span>')
    assert '<span class="soft clip" title="diverged">diverged</span>' in diverged["2"]
    assert cut["3"] == "0.01" and cut["9"] == ""
    assert cut["4"] == '<span class="badge">&lt;b&gt;</span><span class="badge">two</span>'
    assert cut["5"].startswith('<span class="clip" title="&lt;img') and good["5"] == ""
    assert cut["6"] == '<time data-from="0" data-to="60.0"></time>'
    assert re.fullmatch(r'<time data-at="[\d.]+"></time>', cut["7"])
    assert cut["8"] == '<span class="clip" title="adam">adam</span>'
    assert [row["DT_RowClass"] for row in found["rows"]] == ["", "", "", "best"]


def test_the_front_is_marked(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    rows = shown(http, two, columns="front", sort="name")["rows"]
    assert [row["1"] for row in rows].count('<span class="badge front">front</span>') == 2


def test_the_cells_of_groups(http: TestClient, sweep: str) -> None:
    query = {"group": "config.optimizer", "columns": "best.val_acc,duration", "filter": "lr < 1 or lr > 2"}
    found = shown(http, sweep, **query)
    assert found["text"] == "1 group of 4 runs" and ">Show</span>" in found["html"]
    assert re.findall(r">([^<]+)</th>", found["html"]) == ["optimizer", "Runs", "best val_acc", "Duration"]
    (row,) = found["rows"]
    assert row["1"] == '<span class="clip" title="adam">adam</span>' and row["2"] == "4"
    assert 'title="mean of 2 runs, with its 95 % interval">0.55 ± ' in row["3"]
    assert '<span class="soft"> best 0.9</span>' in row["3"]
    assert '<time data-from="0" data-to="60.0"></time>' in row["4"]
    narrowed = "(lr \\u003c 1 or lr \\u003e 2) and (config.optimizer == \\&#34;adam\\&#34;)"
    assert narrowed in row["0"] and "&#34;group&#34;: null" in row["0"]


def test_the_menu_of_columns(http: TestClient, sweep: str) -> None:
    html = shown(http, sweep, "columns")["html"]
    chosen = re.findall(r'value="([^"]*)" aria-label="[^"]*" checked', html)
    assert chosen == shown(http, sweep)["shown"]
    assert html.count('name="pin"') == len(chosen) and 'aria-label="Move lr forward"' in html
    html = shown(http, sweep, "columns", columns="config.a%2Cb %25,config.lr", pinned=2)["html"]
    assert re.findall(r'value="([^"]*)" aria-label="[^"]*" checked', html) == [
        "config.a%2Cb %25",
        "config.lr",
    ]
    assert html.count("config.lr") == 2 and 'value="name"' in html  # once as the key, once as the value
    assert shown(http, sweep, "columns", filter="lr >")["html"]  # a wrong filter does not matter


def test_the_menu_of_groups(http: TestClient, sweep: str) -> None:
    html = shown(http, sweep, "group", group="config.lr")["html"]
    values = re.findall(r'value="([^"]*)"', html)
    assert values[0] == "all but seed" and {"config.lr", "state", "agent", "host"} <= set(values)
    assert not {"best.val_acc", "created", "name"} & set(values) and "<button" not in html
    assert re.findall(r'value="([^"]*)" aria-label="[^"]*" checked', html) == ["config.lr"]
