"""GraphQL: runs, how they start and change, and their fields."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from ariadne import ObjectType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import (
    branches,
    changes,
    clock,
    deletion,
    ownership,
    run_filters,
    run_states,
    sweep_states,
)
from litsweep.server.arguments import json_object, row_id
from litsweep.server.branches import BranchPoint
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.files import named_run
from litsweep.server.graphql.resolvers import (
    Input,
    Listing,
    Mutations,
    Payload,
    by_id,
    constant,
    page,
    parsed_filter,
    select_runs,
)
from litsweep.server.pauses import has_pauses
from litsweep.server.store import lines, projects, runs, streams, sweeps
from litsweep.server.store.lines import HISTORY
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord, plain_config
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import short_id
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RunState
from litsweep.sweep.reason import train_to_of
from litsweep.sweep.reasons import stored_reason

# The input fields of the columns that the client may write. Tags, config and summary need a conversion.
_SAME_NAME = ("display_name", "group_name", "job_type", "description", "notes", "commit", "host")
EDITABLE = {name: name for name in _SAME_NAME} | {"program": "job_program", "repo": "job_repo"}

BEST_RUN_WAIT = 30.0
"""Seconds to wait for the search's best run. A search that is read from the database takes a while."""

mutation = Mutations()
project = ObjectType("Project")
run = ObjectType("Run")

run.set_alias("summaryMetrics", "summary")
run.set_alias("group", "group_name")
run.set_alias("failed", "is_broken")
run.set_alias("running", "is_alive")
run.set_field("readOnly", constant(False))
run.set_field("project", by_id(projects.one, "project_id"))
run.set_field("sweep", by_id(sweeps.get, "sweep_id"))
run.set_field("agent", by_id(sweeps.get_agent, "agent_id"))


@mutation.field("upsertBucket")
def _upsert_run(_: object, info: Info, *, input: Input) -> Payload:
    """Change the run with this `id` (public API), or start or update the one with this `name`.

    A client that resumes a run sends both. The line count in the answer is the number of the next history
    line that the client sends.
    """
    config = None if input.get("config") is None else json_object(input["config"], "config")
    with info.context.write() as connection:
        if input.get("id") and not input.get("name"):
            bucket, inserted = _edited(connection, input, config), False
        else:
            bucket, inserted = _reported(connection, info.context, input, config)
        info.context.mark_changed(bucket)
    _note_sign(info, bucket)
    return {"bucket": bucket, "inserted": inserted, "server_settings": {"server_messages": []}}


def _edited(connection: Connection, input: Input, config: Mapping[str, Any] | None) -> RunRecord:
    """Change a run as a person asks. Return it."""
    known = _existing(connection, input["id"])
    changes.edit_run(connection, known, _edits(input, config), changes.BY_KEY)
    return _required(connection, known.id)


def _reported(
    connection: Connection, context: Context, input: Input, config: Mapping[str, Any] | None
) -> tuple[RunRecord, bool]:
    """Start or update a run as its program asks. Return it, and whether it starts for the first time."""
    known, inserted = _start(connection, context, input)
    if config is not None and (point := _fork_point(known.name, plain_config(config))):
        branches.fork(connection, known, point)
        # The client of a fork does not know what the fork inherits.
        config = json.loads(_required(connection, known.id).config) | config
    runs.change(connection, known.id, **_edits(input, config))
    run = _required(connection, known.id)
    return replace(run, history_lines=_first_line(connection, run)), inserted


def _note_sign(info: Info, run: RunRecord) -> None:
    """Note a request about a run as a sign that the run is alive."""
    liveness = info.context.backend.liveness
    liveness.note_run(run.id)
    if run.stopped_by is None:
        liveness.forget_stop(run.id)


def _start(connection: Connection, context: Context, input: Input) -> tuple[RunRecord, bool]:
    """Start or resume a run. Return it, and whether it starts for the first time."""
    path = context.project_path(input.get("entity_name"), input.get("model_name"))
    home = projects.ensure(connection, *path)
    name = input.get("name") or short_id()
    known = runs.find(connection, home.id, name)
    inserted = known is None or known.started_at is None
    sweep_id = _sweep_id(connection, home, input.get("sweep"), name)
    if known is None:
        values = {"sweep_id": sweep_id, "display_name": input.get("display_name")}
        known = run_states.create(connection, home.id, name, values)
    elif sweep_id is not None and known.sweep_id is None:
        runs.change(connection, known.id, sweep_id=sweep_id)
    if sweep_id is not None:
        ownership.check_start(known)
        sweep_states.begin(connection, sweep_id)
    if input.get("state") != RunState.PENDING:  # another client starts a pending run later
        run_states.start(connection, known)
    return _required(connection, known.id), inserted


def _required(connection: Connection, run_id: int) -> RunRecord:
    run = runs.get(connection, run_id)
    assert run is not None  # it was there earlier in this transaction
    return run


def _fork_point(name: str, config: Mapping[str, Any]) -> BranchPoint | None:
    """Return the branch point in the config of a run, if it is on another run."""
    point = branches.branch_point(config)
    return None if point is None or point.run == name else point


def _first_line(connection: Connection, run: RunRecord) -> int:
    """Return the number of the first history line that a new client logs. A resumed client ignores it."""
    if point := _fork_point(run.name, run.config_values):
        return lines.count_to_step(connection, run.id, int(max(-1, min(point.step, run.last_step))))
    starts_over = HISTORY in streams.stale(run) and not ownership.is_shared(run)
    return 0 if starts_over else run.history_lines


def _sweep_id(connection: Connection, home: Project, name: str | None, run_name: str) -> int | None:
    """Return the id of a run's sweep. The run of a sweep's own scheduler is not part of the sweep."""
    sweep = sweeps.find(connection, name, home.id) if name else None
    return None if sweep is None or run_name == sweeps.controller_run_name(sweep) else sweep.id


def _edits(input: Input, config: Mapping[str, Any] | None) -> dict[str, Any]:
    edits = {column: input[key] for column, key in EDITABLE.items() if input.get(key) is not None}
    if input.get("tags") is not None:
        edits["tags"] = dumps(input["tags"])
    if config is not None:
        edits["config"] = dumps(config)
    if input.get("summary_metrics") is not None:
        # A missing key was deleted.
        edits["summary"] = dumps(json_object(input["summary_metrics"], "summaryMetrics"))
        edits["heartbeat_at"] = clock.now()  # tells the search that the summary is new
    return edits


@mutation.field("rewindRun")
def _rewind_run(_: object, info: Info, *, input: Input) -> dict[str, RunRecord]:
    if input["metric_name"] != "_step":
        raise LitsweepError(f"metricName: a run is rewound to a _step, not to a {input['metric_name']}")
    with info.context.write() as connection:
        try:
            known = named_run(connection, info.context, input)
        except NotFoundError as error:  # for a 404 the client would show the raw answer
            raise LitsweepError(str(error)) from None
        branches.rewind(connection, known, input["metric_value"])
        rewound = _required(connection, known.id)
        info.context.mark_changed(rewound)
    _note_sign(info, rewound)
    return {"rewound_run": rewound}


@mutation.change("stopRun")
def _stop_run(connection: Connection, context: Context, input: Input) -> None:
    """Stop a run: for the search if its sweep has its own scheduler, else for a person."""
    known = _existing(connection, input["id"])
    sweep = sweeps.get(connection, known.sweep_id) if known.sweep_id else None
    by = StoppedBy.SEARCH if sweep and sweep.scheduler else StoppedBy.PERSON
    changes.stop_run(connection, known, by, changes.BY_KEY)
    context.mark_changed(known)


@mutation.field("deleteRun")
def _delete_run(_: object, info: Info, *, input: Input) -> dict[str, bool]:
    known = info.context.read(_existing, input["id"])
    info.context.close()
    with_artifacts = bool(input.get("delete_artifacts"))
    deletion.delete_runs(info.context.backend, [known.id], changes.BY_KEY, with_artifacts=with_artifacts)
    return {"success": True}


@mutation.change("updateRunState")
def _update_run_state(connection: Connection, context: Context, input: Input) -> None:
    known = _existing(connection, input["id"])
    changes.set_run_state(connection, known, input["state"], changes.BY_KEY)
    context.mark_changed(known)


def _existing(connection: Connection, storage_id: str) -> RunRecord:
    known = runs.get(connection, row_id(storage_id))
    if known is None:
        raise NotFoundError(f"run {storage_id} does not exist")
    return known


@project.field("run")
@project.field("bucket")
def _run(parent: Project, info: Info, *, name: str, missing_ok: bool = True) -> RunRecord | None:
    return info.context.read(runs.find, parent.id, name)


@project.field("runs")
def _runs(parent: Project, info: Info, **wanted: Unpack[Listing]) -> Payload:
    best = _best_run(parent, info, wanted) if wanted.get("first") == 1 else None
    found = _in_project(parent, info, wanted)
    if best is not None:
        found = sorted(found, key=lambda run: run.name != best)
    return page(found, **wanted)


def _best_run(parent: Project, info: Info, wanted: Listing) -> str | None:
    """Return the best run for `Sweep.best_run()`, which asks for a sweep's first run in the metric's order.

    Return None for any other query. The summary is not enough: by default it holds a metric's last value.
    """
    wish = parsed_filter(info.context, wanted.get("filters"))
    name = run_filters.sweep_of(wish)
    if name is None or wish.content != {"$and": [{"sweep": name}]}:
        return None
    sweep = info.context.read(sweeps.find, name, parent.id)
    metric = parsed(sweep.config).metric if sweep else None
    if sweep is None or metric is None:
        return None
    if wanted.get("order") != f"{'-' if metric.is_maximized else '+'}summary_metrics.{metric.name}":
        return None
    info.context.close()  # the next read must not see an older snapshot than the search
    return info.context.backend.searches.best_run(sweep.id, BEST_RUN_WAIT)


@project.field("runCount")
def _run_count(parent: Project, info: Info, **wanted: Unpack[Listing]) -> int:
    return len(_in_project(parent, info, wanted))


def _in_project(parent: Project, info: Info, wanted: Listing) -> Sequence[RunRecord]:
    """Return the runs of the project that match, read from the one sweep that the filters name, if any."""
    sweep_name = run_filters.sweep_of(parsed_filter(info.context, wanted.get("filters")))
    if sweep_name is None:
        return select_runs(info.context, wanted, runs.of_project, parent.id)
    sweep = info.context.read(sweeps.find, sweep_name, parent.id)
    return select_runs(info.context, wanted, runs.of_sweep, sweep.id) if sweep else []


@run.field("wandbConfig")
def _wandb_config(parent: RunRecord, _: Info, *, keys: list[str] | None = None) -> Payload:
    recorded = parent.config_values.get("_wandb")
    if not isinstance(recorded, dict):
        return {}
    return {key: value for key, value in recorded.items() if keys is None or key in keys}


@run.field("tags")
def _tags(parent: RunRecord, _: Info) -> list[str]:
    tags: list[str] = json.loads(parent.tags)
    return tags


@run.field("trainTo")
def _train_to(parent: RunRecord, info: Info) -> int | None:
    """Return None also if the sweep no longer pauses runs: a run that is resumed then trains to its end."""
    train_to = train_to_of(stored_reason(parent.reason))
    sweep = None if train_to is None else info.context.read(sweeps.get, parent.sweep_id or 0)
    return train_to if sweep is not None and has_pauses(parsed(sweep.config)) else None


@run.field("times")
def _times(parent: RunRecord, _: Info) -> Payload:
    ended = None if parent.is_alive else parent.ended_at or parent.heartbeat_at
    return {"created": parent.created_at, "started": parent.started_at, "ended": ended}


@run.field("shouldStop")
def _should_stop(parent: RunRecord, _: Info) -> bool:
    return parent.stopped_by is not None and parent.is_alive


@run.field("stopped")
def _stopped(parent: RunRecord, info: Info) -> bool:
    """Return True also for an ended run that ended because it was asked to.

    So a finished run is stopped if the search stopped it early, and a preempted run if it is paused.
    """
    match parent.state:
        case RunState.PREEMPTED:
            return parent.is_paused
        case RunState.KILLED:
            return parent.stopped_by is not None
    return _should_stop(parent, info) or parent.is_stopped_early
