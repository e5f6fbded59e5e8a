"""Runs: how they begin and change, and what one can ask of them."""

import json
import time
from dataclasses import replace
from typing import Any

from ariadne import MutationType, ObjectType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import branches, life_cycle, run_filters
from litsweep.server.branches import BranchPoint
from litsweep.server.errors import NotFoundError
from litsweep.server.files import collect_garbage
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.files import named_run
from litsweep.server.graphql.pages import page
from litsweep.server.graphql.projects import DEFAULT_PROJECT
from litsweep.server.store import artifacts, lines, projects, runs, sweeps
from litsweep.server.store.lines import HISTORY
from litsweep.server.store.names import short_id
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord, plain_config
from litsweep.server.store.sweeps import AgentRecord, SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.reason import RequestReason
from litsweep.sweep.run import RunState

# What the client may write (input field to column), beside tags, config and summary.
EDITABLE = {
    "display_name": "display_name",
    "group_name": "group_name",
    "job_type": "job_type",
    "description": "description",
    "notes": "notes",
    "commit": "commit",
    "host": "host",
    "job_program": "program",
    "job_repo": "repo",
}

SHARED_MODE = 67
"""The number of the feature in W&B's telemetry, which is in the config."""

mutation = MutationType()
project = ObjectType("Project")
run = ObjectType("Run")


@mutation.field("upsertBucket")
def upsert_run(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    """With `id`, a change by the public API or by a run that goes on; with `name` only, a run that begins or
    tells more of itself.

    The line count of the answer is where the client goes on in the run's history.
    """
    with info.context.backend.database.write() as connection:
        if input.get("id"):
            known, inserted = _get(connection, input["id"]), False
        else:
            known, inserted = _begin(connection, input, info.context.backend.settings.default_entity)
        runs.change(connection, known.id, **_edits(known, input))
        bucket = _required(connection, known.id)
        if not input.get("id"):
            bucket = replace(bucket, history_lines=_first_line(connection, bucket))
    if known.sweep_id is not None:
        info.context.backend.sweeps.touch(known.sweep_id)
    return {"bucket": bucket, "inserted": inserted}


def _begin(connection: Connection, input: dict[str, Any], default_entity: str) -> tuple[RunRecord, bool]:
    entity, project_name = input.get("entity_name") or default_entity, input.get("model_name")
    home = projects.ensure(connection, entity, project_name or DEFAULT_PROJECT)
    name = input.get("name") or short_id()
    known = runs.find(connection, home.id, name)
    inserted = known is None or known.started_at is None
    sweep_id = _sweep_id(connection, home, input.get("sweep"), name)
    if known is None:
        values = {"sweep_id": sweep_id, "state": RunState.PENDING, "display_name": input.get("display_name")}
        known = runs.add(connection, home.id, name, values)
    elif sweep_id is not None and known.sweep_id is None:
        runs.change(connection, known.id, sweep_id=sweep_id)
    if sweep_id is not None:
        sweeps.begin(connection, sweep_id)
    if input.get("state") != RunState.PENDING:  # a pending one is made for a client that comes later
        runs.change(connection, known.id, **life_cycle.started(known, time.time()))
    if point := _fork_point(name, input):
        branches.fork(connection, known, point)
    return _required(connection, known.id), inserted


def _required(connection: Connection, run_id: int) -> RunRecord:
    run = runs.get(connection, run_id)
    assert run is not None  # it was there earlier in this transaction
    return run


def _fork_point(name: str, input: dict[str, Any]) -> BranchPoint | None:
    """Where a run says that it branched off from another."""
    point = branches.branch_point(plain_config(input.get("config") or "{}"))
    return None if point is None or point.run == name else point


def _first_line(connection: Connection, run: RunRecord) -> int:
    """The number of history lines that a run has before its client logs anything.

    A client that resumes its run counts on by itself.
    """
    point = branches.branch_point(run.config_values)
    if point is not None and point.run != run.name:
        return lines.count_to_step(connection, run.id, int(max(-1, min(point.step, run.last_step))))
    starts_over = HISTORY in run.stale_streams.split(",") and not _is_shared(run)
    return 0 if starts_over else run.history_lines


def _is_shared(run: RunRecord) -> bool:
    """Whether several processes write the run (`mode="shared"`): one may begin when another has ended."""
    match run.config_values.get("_wandb"):
        case {"t": {"3": [*features]}}:
            return SHARED_MODE in features
    return False


def _sweep_id(connection: Connection, home: Project, name: str | None, run_name: str) -> int | None:
    """A sweep's scheduler is a run too, but not one of the sweep's."""
    sweep = sweeps.find(connection, name, home.id) if name else None
    return None if sweep is None or run_name == sweeps.controller_run_name(sweep) else sweep.id


def _edits(known: RunRecord, input: dict[str, Any]) -> dict[str, Any]:
    edits = {column: input[key] for key, column in EDITABLE.items() if input.get(key) is not None}
    if input.get("tags") is not None:
        edits["tags"] = json.dumps(input["tags"])
    if input.get("config") is not None:
        config = json.loads(input["config"])
        # The client of a fork does not know what the fork inherits.
        is_fork = not input.get("id") and _fork_point(known.name, input) is not None
        edits["config"] = dumps({**json.loads(known.config), **config} if is_fork else config)
    if input.get("summary_metrics") is not None:
        edits["summary"] = dumps(json.loads(input["summary_metrics"]))  # whole: what it lacks was deleted
        edits["heartbeat_at"] = time.time()  # by this the search knows of a new summary
    return edits


@mutation.field("rewindRun")
def rewind_run(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    """Take a run back to a step."""
    if input["metric_name"] != "_step":
        raise LitsweepError(f"metricName: a run is rewound to a _step, not to a {input['metric_name']}")
    with info.context.backend.database.write() as connection:
        try:
            known = named_run(connection, info.context, input)
        except NotFoundError as error:  # of a 404 the client shows the whole answer, not just the message
            raise LitsweepError(str(error)) from None
        branches.rewind(connection, known, input["metric_value"])
        rewound = _required(connection, known.id)
    if known.sweep_id is not None:
        info.context.backend.sweeps.touch(known.sweep_id)
    return {"rewound_run": rewound}


@mutation.field("stopRun")
def stop_run(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, bool]:
    """A sweep's own scheduler stops runs for the search's sake; anyone else for a person's."""
    with info.context.backend.database.write() as connection:
        known = _get(connection, input["id"])
        sweep = sweeps.get(connection, known.sweep_id) if known.sweep_id else None
        by = "search" if sweep and sweep.scheduler else "person"
        life_cycle.ask_to_stop(connection, known, by, json.dumps(RequestReason(by="stopRun").to_json()))
    return {"success": True}


@mutation.field("deleteRun")
def delete_run(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, bool]:
    with info.context.backend.database.write() as connection:
        known = _get(connection, input["id"])
        if input.get("delete_artifacts"):
            artifacts.delete_outputs(connection, known.id)
        runs.delete(connection, known.id)
    collect_garbage(info.context.backend)
    if known.sweep_id is not None:
        info.context.backend.sweeps.forget(known.sweep_id)
        info.context.backend.sweeps.touch(known.sweep_id)
    return {"success": True}


@mutation.field("updateRunState")
def update_run_state(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, bool]:
    """By hand: to `pending`, so that the run is done again, or to `failed`."""
    state = input["state"]
    if state not in (RunState.PENDING, RunState.FAILED):
        raise LitsweepError(f"state: a run can be set to pending or failed, not to {state}")
    with info.context.backend.database.write() as connection:
        known = _get(connection, input["id"])
        runs.change(connection, known.id, state=state, agent_id=None, stopped_by=None, stop_asked_at=None)
    return {"success": True}


def _get(connection: Connection, storage_id: str) -> RunRecord:
    known = runs.get(connection, int(storage_id)) if storage_id.isdigit() else None
    if known is None:
        raise NotFoundError(f"run {storage_id} does not exist")
    return known


@project.field("run")
@project.field("bucket")
def resolve_run(parent: Project, info: Info, *, name: str, missing_ok: bool = True) -> RunRecord | None:
    with info.context.backend.database.read() as connection:
        return runs.find(connection, parent.id, name)


@project.field("runs")
def resolve_runs(
    parent: Project,
    info: Info,
    *,
    filters: str | None = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    found = run_filters.select(_in_project(parent, info, filters), filters, order)
    best = _asked_best(parent, info, filters, order) if first == 1 else None
    return page(sorted(found, key=lambda run: run.name != best) if best else found, first, after)


def _asked_best(parent: Project, info: Info, filters: str | None, order: str | None) -> str | None:
    """The run that `Sweep.best_run()` asks for: one run of one sweep, in the order of the sweep's metric.

    Its summary alone does not tell, which by default has the last value that a run logged.
    """
    backend, name = info.context.backend, run_filters.sweep_of(filters)
    if name is None or json.loads(filters or "{}") != {"$and": [{"sweep": name}]}:
        return None
    with backend.database.read() as connection:
        sweep = sweeps.find(connection, name, parent.id)
    live = backend.sweeps.get(sweep) if sweep else None
    metric = live.config.metric if live else None
    if live is None or metric is None:
        return None
    if order != f"{'-' if metric.is_maximized else '+'}summary_metrics.{metric.name}":
        return None
    with live.lock, backend.database.read() as connection:
        live.refresh(connection)
        return live.best_run()


@project.field("runCount")
def resolve_run_count(parent: Project, info: Info, *, filters: str | None = None) -> int:
    return len(run_filters.select(_in_project(parent, info, filters), filters))


def _in_project(parent: Project, info: Info, filters: str | None) -> list[RunRecord]:
    """The project's runs; of one sweep only if the filters ask for one, to read less."""
    sweep_name = run_filters.sweep_of(filters)
    with info.context.backend.database.read() as connection:
        if sweep_name is None:
            return list(runs.of_project(connection, parent.id))
        sweep = sweeps.find(connection, sweep_name, parent.id)
        return list(runs.of_sweep(connection, sweep.id)) if sweep else []


@run.field("projectId")
def resolve_project_id(parent: RunRecord, _: Info) -> str:
    return str(parent.project_id)


@run.field("project")
def resolve_project(parent: RunRecord, info: Info) -> Project:
    with info.context.backend.database.read() as connection:
        return projects.get(connection, parent.project_id)


@run.field("sweep")
def resolve_sweep(parent: RunRecord, info: Info) -> SweepRecord | None:
    with info.context.backend.database.read() as connection:
        return sweeps.get(connection, parent.sweep_id) if parent.sweep_id else None


@run.field("agent")
def resolve_agent(parent: RunRecord, info: Info) -> AgentRecord | None:
    with info.context.backend.database.read() as connection:
        return sweeps.get_agent(connection, parent.agent_id) if parent.agent_id else None


@run.field("summaryMetrics")
def resolve_summary(parent: RunRecord, _: Info) -> str:
    return parent.summary


@run.field("wandbConfig")
def resolve_wandb_config(parent: RunRecord, _: Info, *, keys: list[str] | None = None) -> dict[str, Any]:
    recorded = parent.config_values.get("_wandb") or {}
    return {key: value for key, value in recorded.items() if keys is None or key in keys}


@run.field("group")
def resolve_group(parent: RunRecord, _: Info) -> str | None:
    return parent.group_name


@run.field("tags")
def resolve_tags(parent: RunRecord, _: Info) -> list[str]:
    tags: list[str] = json.loads(parent.tags)
    return tags


@run.field("shouldStop")
def resolve_should_stop(parent: RunRecord, _: Info) -> bool:
    return parent.stopped_by is not None and parent.is_alive


@run.field("stopped")
def resolve_stopped(parent: RunRecord, info: Info) -> bool:
    """Also after the end of a run that the search stopped: its state alone does not tell."""
    return resolve_should_stop(parent, info) or parent.is_stopped_early


@run.field("failed")
def resolve_failed(parent: RunRecord, _: Info) -> bool:
    return parent.is_broken


@run.field("running")
def resolve_running(parent: RunRecord, _: Info) -> bool:
    return parent.is_alive


@run.field("readOnly")
def resolve_read_only(_parent: RunRecord, _: Info) -> bool:
    return False


bindables = [mutation, project, run]
