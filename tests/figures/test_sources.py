"""Where charts come from: a search in this process, a path, and a sweep of the stock client's public API."""

import json
import math
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml

from litsweep import Controller, figures, parse_sweep
from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.figures import wandb_sweep
from litsweep.figures.charts import CHARTS
from litsweep.figures.sweep_data import SweepData
from tests import stock_service
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

CONFIG: dict[str, Any] = {
    "name": "a sweep",
    "method": "random",
    "metric": {"name": "val_acc", "goal": "maximize"},
    "parameters": {"lr": {"min": 0.0, "max": 1.0}, "model": {"parameters": {"width": {"values": [8, 16]}}}},
}
CURVES: dict[str, list[Any]] = {
    "good": [0.5, 0.9, 0.8],
    "diverged": [0.4, "NaN"],
    "nothing": [],
    "without epochs": [0.3, 0.6],
}


@pytest.fixture(scope="module")
def sweep(module_server: LiveServer) -> str:
    """Return the path of a sweep whose agent has run four configs: two finished, two failed."""
    made = module_server.graphql(UPSERT_SWEEP, config=yaml.dump(CONFIG))["upsertSweep"]["sweep"]["name"]
    agent = module_server.graphql(CREATE_AGENT, sweep=made)["createAgent"]["agent"]["id"]
    for title, values in CURVES.items():
        (command,) = json.loads(module_server.graphql(HEARTBEAT, id=agent)["agentHeartbeat"]["commands"])
        _run(module_server, made, command["run_id"], title, values)
    return f"local/p/{made}"


def _run(server: LiveServer, sweep: str, name: str, title: str, values: list[Any]) -> None:
    """Start a run of the agent, log one value of the metric a row, and end it as its title says."""
    home = {"project": "p", "entity": "local", "sweep": sweep}
    is_broken = title in ("diverged", "nothing")
    summary = (
        {"failure": "diverged", "failure_message": "the loss is NaN"} if is_broken else {"test_acc": 0.7}
    )
    server.graphql(UPSERT_RUN, name=name, displayName=title, summaryMetrics=json.dumps(summary), **home)
    epochs = [
        {} if title == "without epochs" and step == 0 else {"epoch": step} for step in range(len(values))
    ]
    rows = [
        json.dumps({"val_acc": value, "_step": 10 * step, "_timestamp": 1_700_000_000 + step, **epochs[step]})
        for step, value in enumerate(values)
    ]
    files = {
        "wandb-history.jsonl": {"offset": 0, "content": rows},
        "wandb-summary.json": {"offset": 0, "content": [json.dumps(summary)]},
    }
    chunk = {"files": files, "complete": True, "exitcode": int(is_broken)}
    server.post(f"/files/local/p/{name}/file_stream", chunk)


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, module_env: dict[str, str]) -> Iterator[None]:
    """Let the stock client of this process talk to the server."""
    for name, value in module_env.items():
        monkeypatch.setenv(name, value)
    yield
    stock_service.teardown()


def check(read: SweepData, path: str) -> None:
    assert (read.path, read.title, read.config.name) == (path, "a sweep", "a sweep")
    assert [run.title for run in read.runs] == list(CURVES)
    good, diverged, nothing, plain = read.runs
    assert [run.state for run in read.runs] == ["finished", "failed", "failed", "finished"]
    assert [run.is_broken for run in read.runs] == [False, True, True, False]
    assert [run.best for run in read.runs] == [0.9, 0.4, None, 0.6]
    assert good.last == 0.8 and good.summary["test_acc"] == 0.7
    assert good.parameters.keys() == {"lr", "model.width"} == good.config.keys()
    (curve,) = good.curves
    assert (list(curve.steps), list(curve.values)) == ([0, 10, 20], [0.5, 0.9, 0.8])
    assert list(curve.times) == [1_700_000_000 + i for i in range(3)]
    assert list(curve.along["epoch"]) == [0, 1, 2]
    assert math.isnan(diverged.curves[0].values[1]) and diverged.failure == "diverged: the loss is NaN"
    assert list(nothing.curves[0].values) == [] and list(plain.curves[0].values) == [0.3, 0.6]
    assert good.agent == diverged.agent != None  # noqa: E711
    assert good.started is not None and good.ended is not None and good.started <= good.ended


def test_a_path_and_a_sweep_of_the_public_api(sweep: str) -> None:
    for given in (sweep, wandb.Api().sweep(sweep)):  # type: ignore[no-untyped-call]
        read = figures.read_sweep(given)
        check(read, sweep)
        assert read.runs[0].reason == "random" and read.runs[0].host is None
    assert "so far: 0.9" in figures.best(sweep).layout.meta["label"]


def test_a_short_path_needs_the_variables_of_the_client(sweep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "local")
    monkeypatch.setenv("WANDB_PROJECT", "p")
    assert figures.read_sweep(sweep.rpartition("/")[2]).path == sweep


def test_a_server_without_the_fields_of_the_embedded_backend(
    sweep: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W&B's cloud refuses a query with unknown fields; this server refuses one that is not GraphQL."""
    monkeypatch.setattr(wandb_sweep, "_ON_THE_EMBEDDED_BACKEND", "stopped {")
    check(figures.read_sweep(sweep), sweep)


@pytest.mark.parametrize("path", ["local/p/nothere", "local/nothere/abc", "a/b/c/d/e"])
def test_a_sweep_that_does_not_exist(path: str, sweep: str) -> None:
    with pytest.raises(LitsweepError, match=f"there is no sweep {path}: write ENTITY/PROJECT/ID"):
        figures.read_sweep(path)


def test_the_figures_are_those_of_the_page(module_server: LiveServer, sweep: str) -> None:
    read, drawn = figures.read_sweep(sweep), 0
    entity, project, name = sweep.split("/")
    for chart in CHARTS.values():
        if chart.applies(read) and not chart.needs_model:
            address = f"/-/data/{entity}/{project}/sweeps/{name}/charts/{chart.name}"
            page = urllib.request.Request(module_server.url + address)
            page.add_header("Authorization", module_server.authorization)
            with urllib.request.urlopen(page) as answer:
                assert json.load(answer) == json.loads(json.dumps(chart.build(read))), chart.name
            drawn += 1
    assert drawn > 1


def test_the_report_of_a_path(
    sweep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = sweep.rpartition("/")[2]
    for _ in range(2):  # the second replaces the first
        assert main(["report", short, "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"report.html: sweep {sweep} with 4 runs, ")
    text = (tmp_path / "report.html").read_text()
    assert "diverged: the loss is NaN" in text and "without epochs" in text
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_report_replaces_no_other_file(
    sweep: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, home = tmp_path / "mine.html", ["--data-dir", str(tmp_path)]
    mine.write_text("mine")
    assert main(["report", sweep, "-o", str(mine), *home]) == 1
    assert "exists and is not a report: name another file with -o" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert main(["report", "local/p/nothere", "-o", str(tmp_path / "new.html"), *home]) == 1
    assert "there is no sweep local/p/nothere" in capsys.readouterr().err
    assert not (tmp_path / "new.html").exists()


def test_a_controller() -> None:
    controller = Controller(parse_sweep(CONFIG))
    controller.add({"lr": 0.5, "model.width": 8}, [{"val_acc": 1.0}], is_prior=True)
    first = controller.add(
        {"lr": 0.1, "model.width": 8}, [{"val_acc": 0.5, "epoch": 0}, {"x": 1}, {"val_acc": 0.7}]
    )
    controller.add({"lr": 0.2, "model.width": 16}, [{"val_acc": math.nan}], "failed", failure="diverged")
    controller.add({"lr": 0.3, "model.width": 16}, [], "running", summary={"val_acc": {"max": 0.6}})
    read = figures.read_sweep(controller)
    assert [run.best for run in read.runs] == [0.7, None, 0.6]
    assert [run.state for run in read.runs] == ["finished", "failed", "running"]
    assert read.runs[0].name == first and list(read.runs[0].curves[0].steps) == [0, 2]
    assert (read.path, read.title, read.runs[1].failure) == ("", "a sweep", "diverged")
    assert "so far: 0.7" in figures.best(controller).layout.meta["label"]
