"""The points of a figure as a table."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.figures.figure import figure
from litsweep.server.dashboard.figure_table import as_table, table_of
from litsweep.server.dashboard.rendering import json_content
from litsweep.server.errors import RequestError
from tests.server.dashboard.conftest import EVIL, EVIL_ESCAPED, backend_of, fill_two_metrics


def drawn(*traces: dict[str, Any], **layout: Any) -> dict[str, Any]:
    return figure(traces, x="step", y="a < b", label="loss &amp; more", **layout)


def test_each_point_is_a_row() -> None:
    heads, rows = table_of(drawn({"name": "<b>run</b> 1", "x": [1, 2], "y": [0.5, None]}, {"y": [3]}))
    assert heads == ["series", "step", "a < b"]
    assert rows == [["run 1", 1, 0.5], ["run 1", 2, None], ["a < b by step", 0, 3]]


def test_texts_are_without_tags_and_what_the_pointer_skips_is_left_out() -> None:
    band = {"x": [1], "y": [2], "hoverinfo": "skip"}
    heads, rows = table_of(
        drawn(band, {"name": "r", "x": [1, 2], "y": [3, 4], "text": ["one<br>two", "&lt;b>"]})
    )
    assert heads == ["series", "step", "a < b", ""]
    assert rows == [["r", 1, 3, "one, two"], ["r", 2, 4, "<b>"]]


def test_a_field_over_two_axes_has_a_row_for_each_cell() -> None:
    heads, rows = table_of(drawn({"name": "m", "x": [10, 20], "y": ["p"], "z": [[1, 2], [3, 4]]}))
    assert heads == ["series", "step", "a < b", ""]
    assert rows == [["m", 10, "p", 1], ["m", 20, "p", 2], ["m", 10, 1, 3], ["m", 20, 1, 4]]


def test_a_panel_has_its_own_titles() -> None:
    second = {"xaxis": "x2", "yaxis": "y", "x": [1], "y": [2]}
    assert table_of(drawn(second, xaxis2={"title": {"text": "lr"}}))[1] == [["a < b by lr", 1, 2]]


def test_lines_over_several_axes_have_a_row_each() -> None:
    found = drawn({"name": "r1", "x": [0, 1], "y": [0, 1], "text": ["0.1", "sgd"]})
    found["layout"]["meta"]["axes"] = [{"title": "lr"}, {"title": "optimizer"}]
    assert table_of(found) == (["run", "lr", "optimizer"], [["r1", "0.1", "sgd"]])


def test_a_long_table_is_cut_and_says_so() -> None:
    many = drawn({"name": EVIL, "y": [i / 1000 for i in range(300)]})
    html = json.loads(as_table(json_content({"figures": [many]}), ["figures", "0"]).content)["html"]
    assert html.count("<tr>") == 201 and "The first 200 of 300 points." in html and EVIL not in html
    assert 'aria-label="Data: loss &amp; more The first 200 of 300 points."' in html
    assert '<td class="number">0.199</td>' in html
    for path in (["figures", "1"], ["figures", "x"], ["none"], ["figures"]):
        with pytest.raises(RequestError, match="table: there is no figure at"):
            as_table(json_content({"figures": [many]}), path)


def test_the_figures_of_every_page_have_a_table(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    for address, text in (
        (f"{sweep}/charts/best?table=", "val_acc"),
        (f"{sweep}/charts/parallel?table=", '<th scope="col">optimizer</th>'),
        (f"{two}/charts/front?table=", "accurate"),
        ("/local/p/compare/chart?runs=good,cut&chart=val_acc&table=", EVIL_ESCAPED),
        (
            "/local/p/runs/good/figures?name=val_acc&table=figures&table=val_acc",
            '<td class="number">0.9</td>',
        ),
    ):
        answer = http.get(f"/-/data{address}")
        assert answer.status_code == 200 and text in answer.json()["html"], address
    missing = http.get(f"/-/data{sweep}/charts/best?table=data")
    assert missing.status_code == 404 and "there is no figure" in missing.text
