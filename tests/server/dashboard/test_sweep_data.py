"""The data of sweeps and projects in memory: each request reads what has changed, and all of that."""

import json
import pickle
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection
from starlette.testclient import TestClient

from litsweep.server.backend import Backend
from litsweep.server.dashboard import sweep_data
from litsweep.server.dashboard.sweep_data import Snapshot, SweepCache
from litsweep.server.store import curves, lines, projects, runs, sweeps
from litsweep.server.store.lines import HISTORY, Line
from litsweep.server.store.sweeps import SweepRecord
from tests.server.conftest import Stream
from tests.server.dashboard.conftest import SWEEP, TWO_METRICS, add_run, backend_of

Add = Callable[..., None]


@pytest.fixture
def sweep(backend: Backend) -> SweepRecord:
    with backend.database.write() as connection:
        project = projects.ensure(connection, "local", "p")
        return sweeps.add(connection, project.id, config=SWEEP, expected_runs=10)


@pytest.fixture
def add(backend: Backend, sweep: SweepRecord) -> Add:
    """Add a run of the sweep with a curve, in a state."""

    def added(name: str, curve: list[Any], state: str = "finished", **more: Any) -> None:
        with backend.database.write() as connection:
            add_run(connection, sweep.project_id, sweep.id, name, curve, {"state": state, **more})

    return added


class Reader:
    """Reads the sweep as each request does, and compares the result with that of a new server."""

    def __init__(self, backend: Backend, sweep: SweepRecord) -> None:
        self._backend = backend
        self._name = sweep.name
        self._cache = SweepCache(backend.database)

    def __call__(self) -> Snapshot:
        with self._backend.database.read() as connection:
            record = sweeps.find(connection, self._name)
            assert record is not None
            found = self._cache.get(connection, record)
            fresh = SweepCache(self._backend.database).get(connection, record)
        assert shown(found) == shown(fresh)
        return found


def shown(snapshot: Snapshot) -> list[Any]:
    """Return all that a chart can show of each run."""
    return [
        (run.name, run.title, run.state, run.bests, run.last, dict(run.config), dict(run.summary), run.ended,
         [(list(curve.steps), [str(value) for value in curve.values]) for curve in run.curves])
        for run in snapshot.data.runs
    ]  # fmt: skip


@pytest.fixture
def read(backend: Backend, sweep: SweepRecord) -> Reader:
    return Reader(backend, sweep)


def run_id(connection: Connection, sweep: SweepRecord, name: str) -> int:
    found = runs.find(connection, sweep.project_id, name)
    assert found is not None
    return found.id


def test_nothing_is_made_again_for_an_unchanged_sweep(add: Add, read: Reader) -> None:
    add("one", [0.5, 0.9])
    first = read()
    assert read() is first
    add("two", [0.4])
    assert read().tag != first.tag and read().data.runs[0] is first.data.runs[0]


def test_a_heartbeat_is_no_change(backend: Backend, sweep: SweepRecord, add: Add, read: Reader) -> None:
    add("one", [0.5], "running")
    first = read()
    with backend.database.write() as connection:
        runs.set_heartbeat(connection, [run_id(connection, sweep, "one")], 2e9)
    assert read() is first


def test_each_kind_of_change_is_seen(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader, stream: Stream
) -> None:
    add("one", [0.5, "NaN"], "running")
    add("two", [0.4])
    tags = [read().tag]

    def changes(**values: Any) -> Snapshot:
        with backend.database.write() as connection:
            runs.change(connection, run_id(connection, sweep, "two"), **values)
        return changed()

    def changed() -> Snapshot:
        found = read()
        assert found.tag not in tags
        tags.append(found.tag)
        return found

    assert changes(display_name="renamed").data.runs[1].title == "renamed"
    assert changes(config='{"lr": {"value": 0.5}}').data.runs[1].config == {"lr": 0.5}
    assert changes(summary='{"val_acc": {"max": 0.99}}').data.runs[1].best == 0.99
    assert changes(host="elsewhere").data.runs[1].host == "elsewhere"
    stream("one", files={"wandb-history.jsonl": {"offset": 2, "content": ['{"val_acc": 0.7, "_step": 5}']}})
    one = changed().data.runs[0]
    assert (one.best, one.last, list(one.curves[0].steps)) == (0.7, 0.7, [0, 1, 5])
    stream("one", complete=True, exitcode=1)
    assert changed().data.runs[0].state == "failed"
    with backend.database.write() as connection:
        sweeps.change(connection, sweep.id, display_name="another title")
    assert changed().data.title == "another title"
    with backend.database.write() as connection:
        sweeps.change(connection, sweep.id, config=TWO_METRICS)
    assert changed().data.runs[0].bests == (0.7, None)


def test_a_deleted_run_is_gone_also_if_another_takes_its_place(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader
) -> None:
    for name in ("one", "two", "three"):
        add(name, [0.5])
    read()
    for name, then in (("two", None), ("three", "new"), ("one", "newer")):
        with backend.database.write() as connection:
            runs.delete(connection, run_id(connection, sweep, name))
        if then:
            add(then, [0.1, 0.2])  # it may have the id of the deleted run
        names = [run.name for run in read().data.runs]
        assert name not in names and (then is None or then in names)


def test_a_restarted_run_has_a_new_curve(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader, stream: Stream
) -> None:
    add("one", [0.5, 0.6, 0.9])
    assert list(read().data.runs[0].curves[0].values) == [0.5, 0.6, 0.9]
    with backend.database.write() as connection:
        runs.change(connection, run_id(connection, sweep, "one"), stale_streams="history")
        runs.change_state(connection, [run_id(connection, sweep, "one")], {"state": "running"})
    stream("one", files={"wandb-history.jsonl": {"offset": 0, "content": ['{"val_acc": 0.1, "_step": 0}']}})
    run = read().data.runs[0]
    assert (run.best, list(run.curves[0].values)) == (0.1, [0.1])


def test_a_request_with_an_older_transaction_loses_no_run(
    backend: Backend, sweep: SweepRecord, add: Add
) -> None:
    add("one", [0.5])
    cache = SweepCache(backend.database)
    with backend.database.read() as older:
        record = sweeps.get(older, sweep.id)
        assert record is not None
        add("two", [0.6])
        for _ in range(2):
            with backend.database.read() as newer:
                assert len(cache.get(newer, record).data.runs) == 2
            assert len(cache.get(older, record).data.runs) == 1


def test_a_server_continues_the_numbers_of_its_database(
    backend: Backend, sweep: SweepRecord, add: Add
) -> None:
    add("one", [0.5])
    with backend.database.write() as connection:
        connection.execute(runs.runs.update().values(changed=10**12))
    backend.close()
    again = Backend.open(backend.settings)
    read = Reader(again, sweep)
    first = read()
    with again.database.write() as connection:
        runs.change(connection, run_id(connection, sweep, "one"), display_name="renamed")
    assert read().tag != first.tag
    again.close()


def test_the_best_value_needs_the_history_of_old_data_only(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("one", [0.5, "NaN", 0.9, 0.8])
    with backend.database.write() as connection:
        found = runs.find(connection, sweep.project_id, "one")
        assert found is not None
        keys = json.loads(found.history_keys)
        assert (keys["val_acc"]["low"], keys["val_acc"]["high"]) == (0.5, 0.9)
        del keys["val_acc"]["low"], keys["val_acc"]["high"]
        add_run(connection, sweep.project_id, sweep.id, "old", [0.1, 0.2, 0.15], {"state": "finished"})
        old = run_id(connection, sweep, "old")
        runs.change(connection, old, history_keys=json.dumps(keys))
    reads: list[int] = []

    def read_history(connection: Connection, run: int, metric: str) -> curves.Series:
        reads.append(run)
        return unpatched(connection, run, metric)

    unpatched = curves.read
    monkeypatch.setattr(curves, "read", read_history)
    assert [(run.best, run.last) for run in read().data.runs] == [(0.9, 0.8), (0.2, 0.15)]
    assert set(reads) == {old}


def test_a_long_curve_keeps_its_extremes_in_few_points(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader
) -> None:
    add("one", [0.5])
    values = [0.5 + 0.001 * (i % 7) for i in range(9_000)]
    values[4_321], values[77] = 9.0, -9.0
    with backend.database.write() as connection:
        made = run_id(connection, sweep, "one")
        rows = [Line(i, json.dumps({"val_acc": value}), i) for i, value in enumerate(values)]
        lines.put(connection, made, HISTORY, rows)
        runs.change(connection, made, history_lines=len(rows))
    curve = read().data.runs[0].curves[0]
    assert len(curve.values) <= 2_000 and curve.steps[-1] == 8_999
    assert (max(curve.values), min(curve.values)) == (9.0, -9.0) and 4_321 in curve.steps


def test_few_sweeps_stay_in_memory(
    backend: Backend, sweep: SweepRecord, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_data, "MOST_RUNS", 3)
    cache = SweepCache(backend.database)
    add("one", [0.5])
    add("two", [0.5])
    with backend.database.write() as connection:
        other = sweeps.add(connection, sweep.project_id, config=SWEEP)
        for name in ("three", "four"):
            add_run(connection, sweep.project_id, other.id, name, [0.1], {"state": "finished"})
    with backend.database.read() as connection:
        first, second = cache.get(connection, sweep), cache.get(connection, other)
        assert cache.get(connection, other) is second and cache.get(connection, sweep) is not first


def test_another_process_gets_plain_data(add: Add, read: Reader) -> None:
    add("one", [0.5, 0.9])
    found = read().data
    copied = pickle.loads(pickle.dumps(found))
    assert [list(curve.values) for curve in copied.runs[0].curves] == [[0.5, 0.9]]
    assert copied.runs[0].config == dict(found.runs[0].config) and copied.ranked == found.ranked


@pytest.fixture
def page(http: TestClient) -> Iterator[str]:
    """Return the address of a sweep with two runs."""
    with backend_of(http).database.write() as connection:
        project = projects.ensure(connection, "local", "q")
        made = sweeps.add(connection, project.id, config=SWEEP)
        for name, best in (("one", 0.5), ("two", 0.7)):
            add_run(connection, project.id, made.id, name, [best], {"state": "finished"})
    yield f"/-/data/local/q/sweeps/{made.name}"


def test_a_figure_is_made_once_and_sent_once(
    http: TestClient, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    first = http.get(f"{page}/charts/best")
    monkeypatch.setattr("litsweep.server.dashboard.figures_view.figure_view", made.append)
    again = http.get(f"{page}/charts/best", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, made) == (304, b"", [])
    assert http.get(f"{page}/charts/best").json() == first.json()
    tags = {chart["tag"] for chart in http.get(page).json()["charts"]}
    assert len(tags) == 1 and tags == {chart["tag"] for chart in http.get(f"{page}/charts").json()["charts"]}


def test_large_answers_are_compressed(http: TestClient, page: str) -> None:
    packed = http.get(page, headers={"Accept-Encoding": "gzip"})
    plain = http.get(page, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.json() == plain.json() and packed.headers["etag"] == plain.headers["etag"]


def test_an_unknown_chart(http: TestClient, page: str) -> None:
    assert http.get(f"{page}/charts/none").status_code == 404
    assert http.get("/-/data/local/q/sweeps/none/charts/best").status_code == 404


def test_a_curve_knows_times_epochs_and_the_step_metric(
    backend: Backend, sweep: SweepRecord, add: Add, read: Reader, stream: Stream
) -> None:
    """Read in two parts, as while the run works."""
    first = {"val_acc": 0.5, "epoch": 1, "seen": 64, "_timestamp": 1000.5}
    add("one", [first, {"loss": 1}, {"val_acc": 0.6, "_timestamp": 1002}], "running")
    definitions = [{"1": "seen"}, {"2": "val_*", "5": 1}]
    with backend.database.write() as connection:
        config = json.dumps({"lr": {"value": 1}, "_wandb": {"value": {"m": definitions}}})
        runs.change(connection, run_id(connection, sweep, "one"), config=config)
    assert read().data.runs[0].curves[0].times == array("d", [1000.5, 1002])
    line = json.dumps({"val_acc": 0.7, "epoch": 2, "seen": 128, "_step": 3, "_timestamp": 1003})
    stream("one", files={"wandb-history.jsonl": {"offset": 3, "content": [line]}})
    curve = read().data.runs[0].curves[0]
    assert (list(curve.steps), list(curve.times)) == ([0, 2, 3], [1000.5, 1002, 1003])
    shown = {name: [str(value) for value in values] for name, values in curve.along.items()}
    assert shown == {"epoch": ["1.0", "nan", "2.0"], "seen": ["64.0", "nan", "128.0"]}


def test_a_filter_keeps_the_rankings(add: Add, read: Reader) -> None:
    add("one", [0.5])
    add("two", [0.7])
    found = read()
    ranked = found.data.ranked
    filtered = found.filtered(frozenset({"one"}))
    assert filtered.ranked is ranked
    assert [filtered.matches(run) for run in filtered.runs] == [True, False]
    assert all(map(found.data.matches, found.data.runs))
