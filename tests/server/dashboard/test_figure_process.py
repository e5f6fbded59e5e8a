"""The process that computes charts with a model: once for each state of a sweep, and never a broken page."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from litsweep.figures.charts import CHARTS
from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard import figure_job, figure_process, figures_view
from litsweep.server.dashboard.figure_job import FigureJob
from litsweep.server.dashboard.figure_process import FigureProcess
from litsweep.server.store import projects, sweeps
from litsweep.server.worker_process import WorkerProcess
from tests.figures.conftest import run_data, sweep_data
from tests.server.dashboard.conftest import SWEEP, add_run, backend_of

FEW = sweep_data(run_data("a", [0.5]), run_data("b", [0.7]))
OTHER = sweep_data(run_data("a", [0.5]), run_data("b", [0.8]))


@pytest.fixture
def process() -> Iterator[FigureProcess]:
    made = FigureProcess()
    yield made
    made.stop()
    assert made.pid is None


def job(sweep: SweepData = FEW, chart: str = "best", **options: object) -> FigureJob:
    """A job; that of a chart without a model needs no import of PyTorch."""
    return FigureJob.of(sweep, CHARTS[chart], options)


def figure(content: bytes | None) -> Any:
    assert content is not None
    return json.loads(content)


def computed(process: FigureProcess, wanted: FigureJob) -> Any:
    return figure(process.submit(wanted).result(30))


def note(found: Any) -> str:
    return str(found["layout"]["meta"]["note"])


def wait_for(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_figure_is_computed_once_for_a_state_of_the_sweep(process: FigureProcess) -> None:
    assert process.pid is None
    assert computed(process, job())["data"] == json.loads(json.dumps(CHARTS["best"].build(FEW)["data"]))
    first = process.pid
    again = sweep_data(run_data("a", [0.5]), run_data("b", [0.7], created=5.0, reason="why"))
    assert process.submit(job(again)).done()
    assert not process.submit(job(OTHER)).done()
    assert computed(process, job(OTHER))["data"][0]["y"] == [0.5, 0.8]
    assert process.pid == first


def test_the_same_job_is_not_queued_twice_and_a_newer_one_replaces_it(process: FigureProcess) -> None:
    computed(process, job())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    running = process.submit(job(OTHER))
    wait_for(lambda: not process._waiting)
    waiting, newer = process.submit(job(odd=1)), job(odd=2)
    assert process.submit(job(OTHER)) is running and process.submit(job(odd=1)) is waiting
    last = process.submit(newer)
    assert waiting.result(0) is None
    os.kill(process.pid, signal.SIGCONT)
    assert figure(running.result(20))["data"] and "odd" in note(figure(last.result(20)))


def test_an_error_is_a_message(process: FigureProcess) -> None:
    found = computed(process, job(odd=1))
    assert "could not be computed" in note(found) and "odd" in note(found) and found["data"] == []
    assert found["layout"]["annotations"][0]["text"] == note(found)


def test_a_worker_that_is_killed_between_two_jobs_is_started_again(process: FigureProcess) -> None:
    computed(process, job())
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: process._process is not None and not process._process.is_running)
    assert computed(process, job(OTHER))["data"]
    assert process.pid not in (None, first)


def test_a_worker_that_is_killed_in_a_job_is_a_message(
    process: FigureProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, has_message = threading.Event(), WorkerProcess.has_message

    def waits(process: WorkerProcess, timeout: float) -> bool:
        sent.set()
        return has_message(process, timeout)

    computed(process, job())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(WorkerProcess, "has_message", waits)
    answer = process.submit(job(OTHER))
    assert sent.wait(20)
    os.kill(process.pid, signal.SIGKILL)
    assert "signal 9" in note(figure(answer.result(20)))
    assert process.submit(job(OTHER)).done()  # the message is valid for a while
    monkeypatch.setattr(figure_process, "monotonic", lambda: time.monotonic() + 31)
    assert computed(process, job(OTHER))["data"]


def test_a_job_that_takes_too_long_is_a_message(
    process: FigureProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure_process, "LONGEST_JOB", 0.0)
    assert "not computed within" in note(computed(process, job()))
    assert process.pid is None


def test_a_worker_that_cannot_start_is_a_message(
    process: FigureProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(module: str) -> None:
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(figure_process, "WorkerProcess", fail)
    assert "could not be started: no more processes" in note(computed(process, job()))


def test_an_unused_worker_ends(process: FigureProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_process, "UNUSED_AFTER", 0.05)
    computed(process, job())
    wait_for(lambda: process.pid is None and process._thread is None)
    assert computed(process, job(OTHER))["data"]


def test_a_server_that_stops_ends_the_worker(process: FigureProcess) -> None:
    computed(process, job())
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    running = process.submit(job(OTHER))
    wait_for(lambda: not process._waiting)
    waiting = process.submit(job(odd=1))
    process.stop()
    assert running.result(0) is None and waiting.result(0) is None and not is_alive(pid)
    assert process.submit(job(odd=2)).result(0) is None


def test_the_job_of_a_large_sweep_is_small() -> None:
    curve = [0.001 * i for i in range(100)]
    summary = {f"metric{i}": 0.1 * i for i in range(30)}
    runs = [run_data(f"r{i}", curve, summary=summary, config=summary) for i in range(1_000)]
    sweep = sweep_data(*runs)
    made = job(sweep)
    assert len(made.data) < 1_500_000 and job(sweep).data is made.data


def test_the_worker_gets_few_curves_of_a_large_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_job, "MOST_CURVES", 8)
    runs = [run_data(f"r{i}", [0.1, i / 100]) for i in range(100)]
    stopped = run_data("stopped", [0.1, 0.2], state="stopped early")
    found = pickle.loads(job(sweep_data(*runs, stopped)).data).data
    long = {run.name for run in found.runs if len(run.curves[0].values) > 1}
    assert {"stopped", "r99", "r98", "r97", "r96", "r0"} <= long and len(long) < 12
    assert [run.bests for run in found.runs] == [run.bests for run in (*runs, stopped)]
    assert all(max(run.curves[0].values) == run.best for run in found.runs)  # each one has a value
    more = pickle.loads(job(sweep_data(*runs, stopped, run_data("new", [0.0]))).data).data
    assert long <= {run.name for run in more.runs if len(run.curves[0].values) > 1}
    few = pickle.loads(job(sweep_data(*runs[:8])).data).data
    assert all(len(run.curves[0].values) == 2 for run in few.runs)


# --- The page's address ---


def test_the_page_gets_charts_of_the_model(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        made = sweeps.add(connection, project.id, config=SWEEP, display_name="s")
        for i in range(12):
            parameters = {"lr": 0.0001 * 1.7**i, "optimizer": ("adam", "sgd")[i % 2], "epochs": 3}
            more = {"state": "finished", "parameters": json.dumps(parameters)}
            add_run(connection, project.id, made.id, f"r{i}", [0.5 + i * (11 - i) / 100], more)
    charts = f"/-/data/local/p/sweeps/{made.name}/charts"
    listed = {chart["name"]: chart for chart in http.get(charts).json()["charts"]}
    assert [listed[name]["missing"] for name in ("importance", "slices", "contours")] == [None] * 3
    assert listed["importance"]["options"][0]["choices"] == ["val_acc", "test_acc"]

    def asked(path: str, **headers: str) -> Any:
        limit = time.monotonic() + 60
        while (response := http.get(f"{charts}/{path}", headers=headers)).status_code == 202:
            assert response.json() == {"pending": True} and response.headers["Retry-After"] == "1"
            assert time.monotonic() < limit
        return response

    monkeypatch.setattr(figures_view, "WAIT", 0.1)
    first = asked("importance?metric=test_acc")
    assert "12 of 12 runs" in note(first.json()) and "test_acc" in note(first.json())
    unchanged = asked("importance?metric=test_acc", **{"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code == 304
    assert asked("slices?parameter=lr,optimizer").json()["data"]
    assert asked("contours?x=lr&y=optimizer").json()["data"]
    assert asked("contours?x=nothing").status_code == 400
    assert http.get(f"{charts}/nothing").status_code == 404
    assert http.get("/-/data/local/p/sweeps/nothing/charts/slices").status_code == 404


def test_a_sweep_with_few_runs_gets_a_message(http: TestClient, sweep: str) -> None:
    for name in ("importance", "slices", "contours"):
        response = http.get(f"/-/data{sweep}/charts/{name}")
        assert response.status_code == 200 and note(response.json()) == CHARTS[name].missing
    assert http.app.state.figures.pid is None  # type: ignore[attr-defined]


def test_the_server_imports_no_numeric_package() -> None:
    names = "{'numpy', 'scipy', 'torch', 'sklearn', 'pandas'}"
    code = f"import sys, litsweep.server.app; print({names} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
