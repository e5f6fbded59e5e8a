"""The parts of the pages that the server renders."""

import html
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.server.dashboard import rendering
from litsweep.server.store import projects, runs, sweeps
from tests.server.dashboard.conftest import EVIL, EVIL_ESCAPED, SWEEP, backend_of, fill_grid, fill_two_metrics


def parts(http: TestClient, path: str) -> Any:
    response = http.get(f"/-/data{path}")
    assert response.status_code == 200, response.text
    return response.json()["html"]


def shown(template: str, **context: object) -> str:
    """Return what an expression of a template shows."""
    return rendering._templates.from_string(template).render(**context)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (3, "3"), (123456, "123456"), (12345678, "1.23e7"), (10**30, "1e30")),
        *((1.0, "1"), (0.123456, "0.1235"), (1234.5, "1234"), (99999.6, "100000"), (1e-5, "1e-5")),
        *((0.00012345, "1.23e-4"), (1e6, "1e6"), (-2.5e-7, "-2.5e-7"), (None, "–"), ("0.123456", "0.123456")),
        *((True, "true"), ([1, "é"], '[1, "é"]'), ({"a": None}, '{"a": null}'), (1e10, "1e10")),
        *(
            (-0.5, "-0.5"),
            (1234567, "1.23e6"),
            (1e-9, "1e-9"),
            (64.0, "64"),
            (0.5, "0.5"),
            (100, "100"),
            (float("nan"), "nan"),
        ),
    ],
)
def test_a_value_has_four_significant_digits(value: object, text: str) -> None:
    assert html.unescape(shown("{{ value|shown }}", value=value)) == text


def test_words_for_counts_and_goals() -> None:
    metrics = [{"name": "loss", "goal": "minimize"}, {"name": "acc", "goal": "maximize"}]
    assert shown("{{ metrics|goals }}", metrics=metrics) == "minimize loss, maximize acc"
    assert (
        shown("{% for each in metrics %}{{ each|extreme }} {% endfor %}", metrics=metrics)
        == "lowest highest "
    )
    assert shown("{{ 1|count_of('run') }}, {{ 2|count_of('run') }}") == "1 run, 2 runs"


def test_each_part_of_an_address_is_escaped() -> None:
    assert shown("{{ address('local', 'a b', 'runs', 'x/y?') }}") == "/local/a%20b/runs/x%2Fy%3F"


def test_no_part_has_a_logged_text_as_markup(http: TestClient, sweep: str) -> None:
    run, compared = "/local/p/runs/good", "/local/p/compare?runs=good,cut"
    found = {path: parts(http, path) for path in ("/projects", "/local/p", sweep, run, compared)}
    assert EVIL not in json.dumps(found) and "<script>" not in json.dumps(found)
    assert EVIL_ESCAPED in found[sweep]["head"] and EVIL_ESCAPED in found[run]["reason"]


def test_the_page_of_projects_shows_what_is_active(http: TestClient) -> None:
    empty = parts(http, "/projects")
    assert empty["active"] == "" and "No projects yet." in empty["projects"]
    fill_demo_projects(http)
    found = parts(http, "/projects")
    assert '<a href="/local/grid/runs/going" title="going">going</a>' in found["active"]
    assert "2 runs in progress" in found["active"] and "All projects" in found["active"]
    assert 'href="/local/two"' in found["projects"] and "1 sweep, 5 runs" in found["projects"]


def fill_demo_projects(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        fill_grid(connection)
        fill_two_metrics(connection)


def test_an_active_sweep_without_runs_in_progress_shows_no_empty_list(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.add(connection, project.id, config=SWEEP)
        sweeps.add_agent(connection, made.id, "node")
    active = parts(http, "/projects")["active"]
    assert made.name in active and "no runs yet" in active and "active-runs" not in active


def test_a_sweep_of_a_project_can_be_compared(http: TestClient, sweep: str) -> None:
    tile = parts(http, "/local/p")["sweeps"]
    name = sweep.rpartition("/")[2]
    assert f'data-state="sweeps" value="{name}"' in tile and f'href="{sweep}"' in tile
    assert "random, maximize val_acc" in tile and "best val_acc <strong>0.9</strong>" in tile
    assert "4 of 10 runs: 1 finished, 1 stopped early, 1 failed, 1 running" in tile


def test_the_tiles_of_a_sweep(http: TestClient, sweep: str) -> None:
    tiles = parts(http, sweep)["tiles"]
    assert '<h2>Best val_acc</h2><p class="figure">0.9</p>' in tiles and "highest value, logged by" in tiles
    assert "<dt>optimizer</dt><dd>adam</dd>" in tiles
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    tiles = parts(http, two)["tiles"]
    assert '<p class="figure">2 runs</p>' in tiles and "<dt>lowest latency_ms</dt><dd><span>2 by" in tiles


def test_a_sweep_says_why_its_search_ends(http: TestClient, sweep: str) -> None:
    assert parts(http, sweep)["notices"] == ""
    with backend_of(http).database.write() as connection:
        found = sweeps.find(connection, sweep.rpartition("/")[2])
        assert found is not None
        sweeps.change_state(connection, found.id, state="FINISHED", done_because="target")
    notices = parts(http, sweep)["notices"]
    assert '<p class="notice good">' in notices and "a run has reached the target" in notices


def test_the_points_of_a_grid(http: TestClient, sweep: str) -> None:
    assert parts(http, sweep)["grid"] == ""
    with backend_of(http).database.write() as connection:
        grid = fill_grid(connection)
    found = parts(http, grid)["grid"]
    assert found.count("<tr>") == 5 and '<span class="badge given-up">given up</span>' in found
    assert '<td class="number" data-order="0.01">0.01</td>' in found


def test_the_page_that_compares_hides_equal_values(http: TestClient, sweep: str) -> None:
    path = "/local/p/compare?runs=good,cut"
    found = parts(http, path)
    assert found["title"] == "Compare 2 runs" and "3 equal rows hidden" in found["tables"]
    assert "<td>0.8</td><td>0.2</td>" in found["tables"] and "optimizer" not in found["tables"]
    assert """data-set='{"runs": "good"}'""" in found["tables"] and found["code"] == ""
    every = parts(http, f"{path}&all=1")["tables"]
    assert '<tr class="equal"><th scope="row">optimizer</th>' in every and "hidden" not in every
    assert "Remove" not in parts(http, "/local/p/compare?runs=good")["tables"]
    assert "/-/file/local/p/runs/good/media/images/a%20b_3_0f.png" in found["images"]


def test_a_run_says_how_it_ended_and_why_it_started(http: TestClient, sweep: str) -> None:
    broken, cut = (parts(http, f"/local/p/runs/{name}") for name in ("diverged", "cut"))
    assert broken["notices"] == '<p class="notice bad">Ended without a result: diverged (exit code 1).</p>'
    assert "Stopped early by the search" in cut["notices"] and 'class="notice"' in cut["notices"]
    assert f'href="{sweep}"' in cut["sweep-crumb"] and "<dt>method</dt><dd>random</dd>" in cut["reason"]
    with backend_of(http).database.write() as connection:
        runs.add(connection, projects.ensure(connection, "local", "p").id, "alone", {"state": "running"})
    alone = parts(http, "/local/p/runs/alone")
    assert alone["sweep-crumb"] == "" and "not part of a sweep" in alone["reason"]


def test_a_paused_run_says_who_paused_it(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        runs.add(connection, project.id, "halted", {"state": "preempted", "stopped_by": "pause"})
        runs.add(connection, project.id, "ended", {"state": "finished", "stopped_by": "person"})
    assert "Paused by the search." in parts(http, "/local/p/runs/halted")["notices"]
    assert "Stopped by a user." in parts(http, "/local/p/runs/ended")["notices"]


def test_a_sweep_names_those_from_which_it_learns() -> None:
    sweep = {"title": "t", "name": "t", "state": "RUNNING", "method": "bayes", "early_terminate": None}
    more = {"created": 0.0, "description": "", "constraints": [], "earlier": ["one", "two"]}
    head = rendering.fragment("sweep/head.html", sweep={**sweep, **more}, metrics=[])
    assert "bayes · learns from one, two · " in head
