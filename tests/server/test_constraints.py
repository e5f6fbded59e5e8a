"""The server with constraints and a cost: one best run everywhere, and durations from the stored times."""

import html
import json
from dataclasses import replace
from typing import Any

import pytest

from litsweep.errors import LitsweepError
from litsweep.figures.best import best_so_far
from litsweep.figures.groups import group_rows
from litsweep.server import confirmations, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.dashboard import rendering
from litsweep.server.dashboard.compare_sweeps_view import sweeps_view
from litsweep.server.dashboard.run_cells import CellCache
from litsweep.server.dashboard.run_table import of_sweep
from litsweep.server.dashboard.sums_view import sums_view
from litsweep.server.dashboard.sweep_data import SweepCache
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.monitor import Monitor
from litsweep.server.run_results import training_seconds
from litsweep.server.store import runs, sweeps
from litsweep.server.sweep_observer import SweepObserver
from litsweep.sweep.contract import RunState
from litsweep.sweep.events import SweepEvent, event_text
from litsweep.sweep.reasons import RepeatReason, stored_reason
from tests.server.conftest import GraphQL, Stream
from tests.server.sweep_pages import page_of
from tests.server.test_dispatch import RANDOM, Sweep
from tests.server.test_summary_metric import ACC, best_run, summarize

LIMITED = {**RANDOM, "metric": ACC, "litsweep": {"constraints": {"latency": "<= 20"}}}


def end(sweep: Sweep, run: str, acc: float, latency: float | None, in_summary: bool = True) -> None:
    row = {"acc": acc} | ({} if latency is None else {"latency": latency})
    content = [json.dumps({"_step": 0, **row})]
    sweep.stream(run, files={"wandb-history.jsonl": {"offset": 0, "content": content}})
    if in_summary:
        summarize(sweep, run, **row)
    sweep.end(run)


def views(sweep: Sweep, backend: Backend) -> dict[str, Any]:
    """Return the best run by each of its readers, and what is said without one."""
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        page = page_of(backend, connection, record)
        sums = sums_view(connection, record, SweepCache(backend.database).get(connection, record))
        live = LiveSweep(record)
        live.refresh(connection)
        observer = SweepObserver(live.config)
        list(observer.events(connection, record))
    names = {
        "page": page["best"],
        "tile": page["best_runs"][0]["name"] if page["best_runs"] else None,
        "sums": sums["best"] and sums["best"]["name"],
        "webhook": observer.best and observer.best.run,
        "search": live.status().best_run,
    }
    return {
        "best": names,
        "loss": sweep.read["bestLoss"],
        "unmet": sums["unmet"],
        "warnings": json.loads(record.warnings or "[]"),
    }


def test_every_reader_has_the_same_best_run(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, LIMITED)
    agents = [sweep.agent() for _ in range(4)]
    slow, slower, unknown, fast = (sweep.start(agent) for agent in agents)
    end(sweep, slow, 0.9, 21.0)
    end(sweep, slower, 0.95, 40.0)
    end(sweep, unknown, 0.99, None)
    found = views(sweep, backend)
    said = f"no run meets the constraints (latency <= 20); the nearest is {slow} with latency 21"
    assert set(found["best"].values()) == {None} and found["loss"] is None
    assert found["unmet"] == said
    missing = "1 finished run logged no finite latency, which a constraint is about"
    assert found["warnings"] == [missing, said]
    end(sweep, fast, 0.5, 19.0, in_summary=False)  # such as of a client that was killed
    found = views(sweep, backend)
    assert set(found["best"].values()) == {fast} and found["loss"] == 0.5
    assert found["unmet"] == "" and found["warnings"] == [missing]
    assert best_run(sweep) == fast


def test_the_target_needs_the_constraints(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, {**LIMITED, "metric": {**ACC, "target": 0.8}})
    slow, fast = sweep.start(sweep.agent()), sweep.start(sweep.agent())
    end(sweep, slow, 0.9, 21.0)
    Monitor(backend).run_once()
    assert sweep.read["state"] == "RUNNING"
    end(sweep, fast, 0.9, 19.0)
    Monitor(backend).run_once()
    assert sweep.read["state"] == "FINISHED"


@pytest.mark.parametrize("restart", [True, False])
def test_the_search_models_both_and_a_restart_knows_the_same(
    graphql: GraphQL, stream: Stream, backend: Backend, restart: bool
) -> None:
    section = {"seed": 3, "cost": "duration", "constraints": {"latency": "<= 20"}}
    sweep = Sweep(graphql, stream, {**RANDOM, "method": "bayes", "metric": ACC, "litsweep": section})
    agent = sweep.agent()
    for _ in range(6):
        if restart:
            backend.searches.rebuild(int(sweep.id))
        (command,) = sweep.beat(agent)
        run, x = command["run_id"], command["args"]["a"]["value"]
        sweep.begin(run, command["args"])
        end(sweep, run, x, 30 * x)
    with backend.database.read() as connection:
        found = runs.of_sweep(connection, int(sweep.id))
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        live = LiveSweep(record)
        live.refresh(connection)
    last = json.loads(found[5].reason or "{}")
    assert last["constraints"]["latency"]["limit"] == "<= 20" and last["predicted_duration"] > 0
    known = live._controller.runs
    assert [run.duration for run in known[:6]] == [training_seconds(run) for run in found[:6]]
    assert all(run.duration is not None for run in known[:6])
    replayed = live._controller
    replayed.withdraw([known[5].id])
    (again,) = replayed.ask()
    assert again.parameters == json.loads(found[5].parameters or "{}")


def test_a_run_that_was_started_twice_has_no_duration(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, RANDOM)
    run = sweep.start(sweep.agent())
    with backend.database.read() as connection:
        alive = runs.find(connection, 1, run)
        assert alive is not None and training_seconds(alive) is None
        ended = replace(alive, state=RunState.FINISHED, started_at=5.0, ended_at=65.0)
        assert training_seconds(ended) == 60.0
        assert training_seconds(replace(ended, dispatches=2)) is None


def test_every_reader_says_that_no_run_meets_the_constraints(
    graphql: GraphQL, stream: Stream, backend: Backend
) -> None:
    sweep = Sweep(graphql, stream, {**LIMITED, "name": "limited"})
    run = sweep.start(sweep.agent())
    summarize(sweep, run, acc=0.9)
    assert said(sweep, backend) == {}, "the run may still log it"
    end(sweep, run, 0.9, 21.0)
    found = said(sweep, backend)
    unmet = f"no run meets the constraints (latency <= 20); the nearest is {run} with latency 21"
    assert found["page"] == found["chart"] == unmet
    assert unmet in found["tile"] and "no run meets the constraints" in found["card"]
    assert found["list"] == found["comparison"] == found["webhook"] == "no run meets the constraints"
    assert found["groups"] == [None]
    assert "has no finished run with a value of acc that meets the constraints (latency <= 20)" in confirm(
        sweep, backend
    )


def test_leaders_meet_the_constraints(graphql: GraphQL, stream: Stream, backend: Backend) -> None:
    sweep = Sweep(graphql, stream, {**LIMITED, "run_cap": 2})
    slow, fast = sweep.start(sweep.agent()), sweep.start(sweep.agent())
    end(sweep, slow, 0.9, 21.0)
    end(sweep, fast, 0.5, 19.0)
    Monitor(backend).run_once()
    assert confirm(sweep, backend) == ""
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        plan = stored_reason(runs.of_sweep(connection, record.id)[-1].reason)
        page = page_of(backend, connection, record)
        data = SweepCache(backend.database).get(connection, record).data
        table = of_sweep(*CellCache().of_sweep(connection, record.project_id, record.id), data)
    assert isinstance(plan, RepeatReason) and plan.leaders == (fast,)
    assert page["sweep"]["unmet"] == ""
    assert "highest value that meets the constraints" in _rendered('{% include "sweep/tiles.html" %}', page)
    assert "constraints: latency <= 20" in _rendered('{% include "sweep/head.html" %}', page)
    assert "summary.latency" in [column.key for column in table.columns if column.is_shown]


def said(sweep: Sweep, backend: Backend) -> dict[str, Any]:
    """Return what pages, charts and the webhook say without a best run."""
    Monitor(backend).run_once()
    with backend.database.read() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        snapshot = SweepCache(backend.database).get(connection, record)
        page, data = page_of(backend, connection, record), snapshot.data
        observer = SweepObserver(data.config)
        list(observer.events(connection, record))
    if not page["unmet"]:
        return {}
    text = event_text(SweepEvent.FINISHED, "path", None, {}, 10, observer.is_unmet)
    (group,) = group_rows(data, [])
    return {
        "page": page["unmet"],
        "tile": _rendered('{% include "sweep/tiles.html" %}', page),
        "card": _rendered(
            '{% from "shared.html" import sweep_tile %}{{ sweep_tile(sweep, entity, project, true) }}', page
        ),
        "list": page["sweep"]["unmet"],
        "chart": best_so_far(data)["layout"]["meta"]["note"],
        "comparison": sweeps_view({"a": data, "b": data})["tables"][0]["rows"][0]["values"][0],
        "webhook": text.rpartition("; ")[2],
        "groups": [group.best],
    }


def _rendered(template: str, page: dict[str, Any]) -> str:
    found = rendering._templates.from_string(template).render(entity="local", project="p", **page)
    return html.unescape(found)


def confirm(sweep: Sweep, backend: Backend) -> str:
    """Return why the leaders cannot be repeated; "" if they are."""
    with backend.database.write() as connection:
        record = sweeps.get(connection, int(sweep.id))
        assert record is not None
        if not record.state.is_over:
            sweep_states.set_state(connection, record, "FINISHED")
            record = sweeps.get(connection, record.id)
            assert record is not None
        try:
            confirmations.confirm(connection, record, 2, 2, "seed")
        except LitsweepError as error:
            return str(error)
    return ""
