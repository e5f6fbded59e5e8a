"""The JSON data of the pages, and the pages as HTML."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.figures.parallel import MAX_LINES
from litsweep.server.dashboard import rendering
from litsweep.server.dashboard.rows import by_interest
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.store import blobs, files, lines, projects, sweeps
from litsweep.server.store import runs as store
from litsweep.server.store.lines import Line
from tests.server.dashboard.conftest import EVIL, SWEEP, TWO_METRICS, add_run, backend_of, fill_two_metrics
from tests.server.operations import UPSERT_SWEEP

STATIC = Path(rendering.__file__).parent / "static"


def data(http: TestClient, path: str) -> Any:
    response = http.get(f"/-/data{path}")
    assert response.status_code == 200
    return response.json()


def cells(http: TestClient, sweep: str, *columns: str) -> dict[str, list[Any]]:
    """Return the cells of the table of a sweep by the name of the run."""
    rows = data(http, f"{sweep}/table?columns={','.join(columns)}")["rows"]
    return {row["name"]: row["cells"] for row in rows}


def lines_of(http: TestClient, sweep: str, chart: str) -> dict[str, Any]:
    """Return the lines of a chart by the name of the run, in the order of drawing."""
    traces = data(http, f"{sweep}/charts/{chart}")["data"]
    return {each["customdata"][0]: each for each in traces if "customdata" in each}


def test_a_sweep_and_its_progress(http: TestClient, sweep: str) -> None:
    found = data(http, sweep)
    assert found["metric"] == {"name": "val_acc", "goal": "maximize", "target": None}
    assert found["sweep"]["counts"] == {"running": 1, "finished": 1, "stopped early": 1, "failed": 1}
    assert (found["sweep"]["expected"], found["sweep"]["method"]) == (10, "random")


def test_runs_are_counted_by_the_words_of_the_command_line(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.find(connection, sweep.rpartition("/")[2])
        assert made is not None
        for state in ("pending", "preempted", "crashed", "killed"):
            add_run(connection, project.id, made.id, state, [0.1], {"state": state})
    counted = ["finished", "stopped early", "failed", "crashed", "killed", "preempted", "running", "pending"]
    for found in (data(http, sweep)["sweep"]["counts"], data(http, "/local/p")["sweeps"][0]["counts"]):
        assert list(found.items()) == [(word, 1) for word in counted]
    assert data(http, "/projects")["projects"][0]["running"] == 1


def test_a_sweep_here_is_not_warned_about_the_cloud(http: TestClient) -> None:
    key = http.app.state.backend.keyring.key  # type: ignore[attr-defined]
    config = SWEEP + "litsweep: {seed: 3}\n"
    body = {"query": UPSERT_SWEEP, "variables": {"config": config}}
    answer = http.post("/graphql", json=body, headers={"Authorization": f"Bearer {key}"}).json()["data"]
    assert answer["upsertSweep"]["configValidationWarnings"] == []
    with backend_of(http).database.read() as connection:
        record = sweeps.find(connection, answer["upsertSweep"]["sweep"]["name"])
    assert record is not None and LiveSweep(record).warnings == ()


def test_only_a_warning_looks_like_one() -> None:
    """A neutral or good notice does not have the colour of a warning."""
    templates = (STATIC.parent / "templates").rglob("*.html")
    lines = [line for part in templates for line in part.read_text().splitlines()]
    warned = [line for line in lines if "notice warn" in line]
    assert len(warned) == 1 and "in sweep.warnings" in warned[0]
    tones = re.findall(
        r"^\.notice[^{]*\{[^}]*--tone: var\(--(\w+)\)", (STATIC / "style.css").read_text(), re.M
    )
    assert tones == ["faint", "good", "warn", "bad"]


def test_the_best_value_of_a_run_is_the_best_of_its_history(http: TestClient, sweep: str) -> None:
    assert cells(http, sweep, "best.val_acc", "last.val_acc", "state", "ended") == {
        "good": [0.9, 0.8, "finished", 1060.0],
        "diverged": [0.4, 0.4, "failed", 1060.0],
        "cut": [0.2, 0.2, "stopped early", 1060.0],
        "going": [0.6, 0.6, "running", None],
    }


def test_several_metrics_have_a_front(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    found = data(http, two)
    assert [(metric["name"], metric["goal"]) for metric in found["metrics"]] == [
        ("val_acc", "maximize"),
        ("latency_ms", "minimize"),
    ]
    assert cells(http, two, "best.val_acc", "best.latency_ms", "front") == {
        "accurate": [0.9, 8, "front"],
        "fast": [0.6, 2, "front"],
        "behind": [0.5, 3, None],
        "broken": [0.95, 1, None],
        "half": [0.7, None, None],
    }


def test_a_front_is_drawn_from_its_best_run_by_the_first_metric(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
        project = projects.ensure(connection, "local", "two")
        made = sweeps.find(connection, two.rpartition("/")[2])
        assert made is not None
        add_run(
            connection,
            project.id,
            made.id,
            "top",
            [{"val_acc": 0.99, "latency_ms": 9}],
            {"state": "finished"},
        )
    found = data(http, two)
    assert [run["name"] for run in found["best_runs"]] == ["top", "accurate", "fast"]
    assert [run["name"] for run in found["best_by_metric"]] == ["top", "fast"]
    rows = data(http, f"{two}/table")["rows"]
    assert {row["name"] for row in rows if row["is_best"]} == {"top", "accurate", "fast"}


def test_one_metric_has_no_front(http: TestClient, sweep: str) -> None:
    found = data(http, sweep)
    assert found["best_by_metric"] == [] and "front" not in data(http, f"{sweep}/table")["shown"]
    assert [run["name"] for run in found["best_runs"]] == ["good"]
    assert [row["name"] for row in data(http, f"{sweep}/table")["rows"] if row["is_best"]] == ["good"]


def test_a_front_without_a_complete_run_is_empty(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "two")
        made = sweeps.add(connection, project.id, config=TWO_METRICS)
        add_run(connection, project.id, made.id, "half", [{"val_acc": 0.7}], {"state": "running"})
    path = f"/local/two/sweeps/{made.name}"
    found = data(http, path)
    assert (found["best_runs"], found["best_total"], found["best_by_metric"]) == ([], 0, [])
    assert not data(http, f"{path}/table")["rows"][0]["is_best"]


def test_ranks_and_the_best_value_so_far(http: TestClient, sweep: str) -> None:
    """A failed run ranks last, and its value is never the best so far."""
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.find(connection, sweep.rpartition("/")[2])
        assert made is not None
        add_run(connection, project.id, made.id, "broken", [0.95], {"state": "failed"})
    drawn = lines_of(http, sweep, "parallel")
    assert list(drawn) == ["diverged", "broken", "cut", "going", "good"]
    ranks = {name: line["y"][-1] for name, line in drawn.items()}
    assert ranks == {"good": 1, "going": 0.75, "cut": 0.5, "broken": 0.25, "diverged": 0}
    ticks = data(http, f"{sweep}/charts/parallel")["data"][-1]
    assert [y for x, y in zip(ticks["x"], ticks["y"], strict=True) if x == 2] == [1, 0.75, 0.5]  # none failed
    best = data(http, f"{sweep}/charts/best")["data"][-1]
    assert set(best["y"]) == {0.9}


def test_parallel_coordinates_need_two_results(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.add(connection, project.id, config=SWEEP)
        for name, curve in (("one", [0.5]), ("none", [{"loss": 1}])):
            add_run(connection, project.id, made.id, name, curve, {"state": "finished"})
    charts = {
        chart["name"]: chart["missing"] for chart in data(http, f"/local/p/sweeps/{made.name}")["charts"]
    }
    assert "two runs with a result" in charts["parallel"] and charts["best"] is None


def test_of_many_runs_parallel_coordinates_show_the_best_and_a_sample(http: TestClient) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.add(connection, project.id, config=SWEEP)
        for i in range(MAX_LINES + 50):
            add_run(connection, project.id, made.id, f"r{i}", [i], {"state": "finished"})
    lines = [int(name[1:]) for name in lines_of(http, f"/local/p/sweeps/{made.name}", "parallel")]
    assert 100 < len(lines) <= MAX_LINES and lines == sorted(set(lines))  # values rise with the number
    assert lines[-40:] == list(range(160, 200))
    assert set(lines_of(http, f"/local/p/sweeps/{made.name}", "curves")) == {f"r{i}" for i in range(180, 200)}


def test_metrics_are_ordered_by_interest() -> None:
    names = ["epoch", "val_loss", "trainer/global_step", "acc", "lr-Adam", "val_acc"]
    assert by_interest(names, "val_acc") == [
        "val_acc",
        "acc",
        "val_loss",
        "epoch",
        "lr-Adam",
        "trainer/global_step",
    ]


def test_the_best_run_is_named_and_did_not_fail(http: TestClient, sweep: str) -> None:
    assert data(http, sweep)["best"] == "good"
    with backend_of(http).database.write() as connection:
        two = fill_two_metrics(connection)
    assert data(http, two)["best"] == "accurate"  # `broken` reached more


def test_a_run_that_a_user_stopped_can_be_the_best(http: TestClient, sweep: str) -> None:
    """`litsweep best` has the same rule."""
    more = {"state": "killed", "failure": "signal", "stopped_by": "person", "exitcode": 255}
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.find(connection, sweep.rpartition("/")[2])
        assert made is not None
        add_run(connection, project.id, made.id, "killed", [0.95], more)
    assert data(http, sweep)["best"] == "killed"
    assert not data(http, "/local/p/runs/killed")["run"]["is_broken"]
    assert data(http, "/local/p/runs/diverged")["run"]["is_broken"]


def test_parameters_stand_at_their_quantile(http: TestClient, sweep: str) -> None:
    found = data(http, sweep)
    assert found["parameters"] == [
        {"name": "lr", "is_number": True},
        {"name": "optimizer", "is_number": False},
    ]
    figure = data(http, f"{sweep}/charts/parallel")
    assert [axis["name"] for axis in figure["layout"]["meta"]["axes"]] == [
        "config.lr",
        "config.optimizer",
        "best.val_acc",
    ]
    ticks = figure["data"][-1]
    marks = list(zip(ticks["x"], ticks["y"], map(str.strip, ticks["text"]), strict=True))
    assert {(0, 0.0, "0.0001"), (0, 1.0, "0.1"), (1, 0.25, "adam"), (1, 0.75, "sgd")} <= set(marks)
    good = lines_of(http, sweep, "parallel")["good"]
    assert good["text"][:2] == ["0.01", "adam"]
    assert good["y"][:2] == pytest.approx([2 / 3, 0.25], abs=1e-3)


def test_curves_follow_a_run_that_goes_on(http: TestClient, sweep: str) -> None:
    line = lines_of(http, sweep, "curves")["going"]
    assert [line["x"], line["y"]] == [[0, 1], [0.3, 0.6]]
    chunk = {"files": {"wandb-history.jsonl": {"offset": 2, "content": ['{"val_acc": 0.95, "_step": 2}']}}}
    key = http.app.state.backend.keyring.key  # type: ignore[attr-defined]
    http.post("/files/local/p/going/file_stream", json=chunk, headers={"Authorization": f"Bearer {key}"})
    line = lines_of(http, sweep, "curves")["going"]
    assert [line["x"], line["y"]] == [[0, 1, 2], [0.3, 0.6, 0.95]]
    assert cells(http, sweep, "best.val_acc")["going"] == [0.95]


def test_nothing_new_is_not_sent_again(http: TestClient, sweep: str) -> None:
    tag = http.get(f"/-/data{sweep}").headers["etag"]
    assert http.get(f"/-/data{sweep}", headers={"If-None-Match": tag}).status_code == 304


def drawn(http: TestClient, run: str, metric: str) -> Any:
    """Return the steps and the values that the chart of a metric draws."""
    (trace,) = data(http, f"{run}/figures?name={metric}")["figures"][metric]["data"]
    return [trace["x"], trace["y"]]


def test_a_run(http: TestClient, sweep: str) -> None:
    found = data(http, "/local/p/runs/good")
    assert found["config"] == {"lr": 0.01, "optimizer": "adam", "epochs": 3}
    assert found["last"] == {"val_acc": 0.8, "test_acc": 0.7}
    assert ["method", "random"] in found["reason"]
    assert found["media"] == [{"name": "media/images/a b_3_0f.png", "steps": []}]
    parts = data(http, "/local/p/runs/good/parts")
    link = '<a href="/-/file/local/p/runs/good/media/images/a%20b_3_0f.png">media/images/a b_3_0f.png</a>'
    assert link + '<span class="soft">4 B</span>' in parts["files"]
    assert list(found["config"]) == ["epochs", "lr", "optimizer"] == found["swept"]
    assert data(http, "/local/p/runs/good/charts")["charts"] == ["val_acc"]
    assert drawn(http, "/local/p/runs/good", "val_acc") == [[0, 1, 2], [0.5, 0.9, 0.8]]
    assert data(http, "/local/p/runs/good/summary")["summary"] == {
        "val_acc": {"min": 0.5, "max": 0.9, "best": 0.9, "last": 0.8},
        "test_acc": {"min": None, "max": None, "best": None, "last": 0.7},
    }


def test_an_image_has_all_its_steps_and_its_caption(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        run = store.find(connection, project.id, "going")
        assert run is not None
        names = [f"media/images/val/x_{step}_a{step}.png" for step in range(12)]
        for i, name in enumerate([*names, "plot.png"], start=1):
            blobs.mark_stored(connection, files.declare(connection, run.id, name, f"{i:032}"), 4, "md5")
        media = [{"_type": "image-file", "path": name, "caption": f"{name} {EVIL}"} for name in names]
        rows = [json.dumps({"_step": step, "val/x": image}) for step, image in enumerate(media)]
        lines.put(connection, run.id, lines.HISTORY, [Line(2 + i, row, i) for i, row in enumerate(rows)])
    steps = {group["name"]: group["steps"] for group in data(http, "/local/p/runs/going")["media"]}
    assert steps == {"val/x": list(range(12)), "plot.png": []}
    newest = data(http, "/local/p/runs/going/media?name=val/x")
    assert newest["step"] == 11 and "x_11_a11.png" in newest["html"] and EVIL not in newest["html"]
    assert "x_4_a4.png" in data(http, "/local/p/runs/going/media?name=val/x&place=4")["html"]
    assert "plot.png" in data(http, "/local/p/runs/going/media?name=plot.png")["html"]


def test_a_metric_in_the_summary_is_no_point_of_a_curve(http: TestClient, sweep: str) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.find(connection, sweep.rpartition("/")[2])
        assert made is not None
        summary = json.dumps({"val_acc": {"max": 0.97, "last": 0.4}})
        for name, curve in (("both", [0.5, 0.3]), ("alone", [{"epoch": 1}])):
            add_run(connection, project.id, made.id, name, curve, {"state": "finished"})
            run = store.find(connection, project.id, name)
            assert run is not None
            store.change(connection, run.id, summary=summary)
    found, drawn_curves = cells(http, sweep, "best.val_acc", "last.val_acc"), lines_of(http, sweep, "curves")
    assert (found["both"], found["alone"]) == ([0.97, 0.3], [0.97, 0.4])
    assert data(http, sweep)["best"] == "both" and drawn_curves["both"]["y"] == [0.5, 0.3]
    assert "alone" not in drawn_curves
    both, alone = (data(http, f"/local/p/runs/{name}/summary") for name in ("both", "alone"))
    assert data(http, "/local/p/runs/alone/figures?name=val_acc&name=epoch")["figures"].keys() == {"epoch"}
    assert drawn(http, "/local/p/runs/both", "val_acc") == [[0, 1], [0.5, 0.3]]
    assert both["summary"]["val_acc"] == {"min": 0.3, "max": 0.97, "best": 0.97, "last": 0.3}
    assert alone["summary"]["val_acc"] == {"min": 0.4, "max": 0.97, "best": 0.97, "last": 0.4}


def test_a_diverged_run_has_a_gap(http: TestClient, sweep: str) -> None:
    assert drawn(http, "/local/p/runs/diverged", "val_acc") == [[0, 1], [0.4, None]]


def test_the_end_of_the_console_output_comes_first(http: TestClient, sweep: str) -> None:
    tail = data(http, "/local/p/runs/good/log")
    assert tail["start"] == 500 and tail["lines"][-1].startswith("line 1499")
    more = data(http, "/local/p/runs/good/log?from=100")
    assert more["start"] == 100 and len(more["lines"]) == 1400


def test_system_metrics_by_seconds(http: TestClient, sweep: str) -> None:
    events = ['{"_runtime": 1.2, "system": {"cpu": 30}}', '{"_runtime": 16.0, "system": {"cpu": 90.5}}']
    key = http.app.state.backend.keyring.key  # type: ignore[attr-defined]
    chunk = {"files": {"wandb-events.jsonl": {"offset": 0, "content": events}}}
    http.post("/files/local/p/going/file_stream", json=chunk, headers={"Authorization": f"Bearer {key}"})
    (group,) = data(http, "/local/p/runs/going/system")["groups"]
    (chart,) = group["charts"]
    (trace,) = chart["figure"]["data"]
    assert (group["group"], chart["name"]) == ("CPU", "cpu")
    assert (trace["x"], trace["y"]) == ([1.2, 16], [30, 90.5])


def test_a_file_is_shown_by_a_signed_link(http: TestClient, sweep: str) -> None:
    response = http.get("/-/file/local/p/runs/good/media/images/a%20b_3_0f.png")
    assert (response.content, response.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert http.get("/-/file/local/p/runs/good/other.png").status_code == 404


def test_a_project(http: TestClient, sweep: str) -> None:
    found = data(http, "/local/p")
    assert found["sweeps"][0]["best"] == 0.9
    assert found.keys() == {"sweeps", "html"}  # the table of runs has its own address
    assert data(http, "/projects")["projects"][0] | {"updated_at": 0} == {
        "entity": "local",
        "name": "p",
        "sweeps": 1,
        "runs": 4,
        "running": 1,
        "updated_at": 0,
    }


@pytest.mark.parametrize(
    "path", ["/local/none", "/local/p/sweeps/none", "/local/p/runs/none", "/no/p/runs/good"]
)
def test_what_is_not_there(http: TestClient, sweep: str, path: str) -> None:
    answer = http.get(f"/-/data{path}")
    assert answer.status_code == 404 and "deleted" in answer.json()["errors"][0]["message"]
    response = http.get(path)
    assert response.status_code == 404 and "Not on this server" in response.text


@pytest.mark.parametrize("path", ["/", "/local/p", "sweep", "/local/p/runs/good", "/login"])
def test_pages_run_only_scripts_of_this_server(http: TestClient, sweep: str, path: str) -> None:
    response = http.get(sweep if path == "sweep" else path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert not re.search(r"<script(?! (type=\"module\" )?src=\"/-/)", response.text)
    assert not re.search(r"(src|href)=\"(https?:)?//", response.text)
    assert EVIL not in response.text


def test_scripts_make_no_markup_of_text() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script.read_text()
        )


def test_names_are_escaped_in_pages(http: TestClient) -> None:
    response = http.get("/login", params={"next": f"/{EVIL}"})
    assert EVIL not in response.text


def test_charts_need_no_other_server(http: TestClient) -> None:
    response = http.get("/-/plotly.min.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert "plotly.js" in response.text[:2000]


def test_a_browser_keeps_the_files_of_this_version(http: TestClient, sweep: str) -> None:
    found = http.get(sweep).text
    assert "plotly" not in found  # a script loads it after the page is drawn
    sources = re.findall(r'(?:src|href)="(/-/[^"]+)"', found)
    assert len(sources) > 4
    scripts = [f"/-/v/{rendering.VERSION}/{name}" for name in ("plotly.min.js", "datatables.js")]
    for address in (*sources, *scripts):
        response = http.get(address)
        assert response.status_code == 200, address
        assert "immutable" in response.headers["cache-control"], address
        old = http.get(address.replace(rendering.VERSION, "other"))  # by a page from before an update
        assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache"), address
    assert http.get(f"/-/v/{rendering.VERSION}/static/none.js").status_code == 404
    http.cookies.clear()
    assert http.get(scripts[0], follow_redirects=False).status_code in (303, 401)
