"""GraphQL: sweeps."""

from contextlib import ExitStack
from typing import Any, Unpack

from ariadne import ObjectType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import changes, config_edits, deletion, run_filters, run_states, sweep_states
from litsweep.server.arguments import json_object, json_value, row_id
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.resolvers import (
    Input,
    Listing,
    Mutations,
    Payload,
    by_id,
    constant,
    paged,
    select_runs,
    whole,
)
from litsweep.server.store import listed_runs, projects, runs, sweeps
from litsweep.server.store.projects import Project
from litsweep.server.store.sweeps import AgentRecord, SweepRecord, short_id
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import dumps
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.parse.yaml_text import as_yaml

mutation = Mutations()
project = ObjectType("Project")
sweep = ObjectType("Sweep")

sweep.set_alias("heartbeatAt", "updated_at")
sweep.set_field("earlyStopJobRunning", constant(False))
sweep.set_field("project", by_id(projects.one, "project_id"))
sweep.set_field("runCount", by_id(runs.count))
project.set_field("sweeps", paged(sweeps.of_project))


@mutation.field("upsertSweep")
def _upsert_sweep(_: object, info: Info, *, input: Input) -> Payload:
    """Create a sweep, or with `id` change its config, state or name."""
    config = parsed(input["config"]) if input.get("config") else None
    with ExitStack() as after_commit, info.context.write() as connection:
        if input.get("id"):
            known = _existing(connection, input["id"])
            after_commit.enter_context(info.context.backend.searches.changing(known.id))
            _change(connection, known, input, config)
        elif config is not None:
            known = _create(connection, info.context, input, config)
        else:
            raise LitsweepError("upsertSweep needs a config, or the id of a sweep to change")
        if input.get("state"):
            changes.set_sweep_state(connection, known, input["state"].upper(), changes.BY_KEY)
        fresh = sweeps.get(connection, known.id)
        earlier = config_edits.warnings_of_earlier_runs(connection, known, config) if config else []
    info.context.backend.searches.mark_changed(known.id)
    warnings = list(config.local_warnings) if config else []
    return {"sweep": fresh, "config_validation_warnings": warnings, "earlier_run_warnings": earlier}


def _create(connection: Connection, context: Context, input: Input, config: SweepConfig) -> SweepRecord:
    """Add a sweep. The project and entity of the request take precedence over those of the config."""
    entity, project = input.get("entity_name") or config.entity, input.get("project_name") or config.project
    home = projects.ensure(connection, *context.project_path(entity, project))
    _check_prior_runs(connection, home, input.get("prior_runs_filters"))
    _check_earlier(connection, home, config)
    values = {
        "controller": input.get("controller"),
        "prior_runs": input.get("prior_runs_filters"),
        "display_name": input.get("display_name") or config.name,
        "description": input.get("description") or config.description,
    }
    return sweep_states.create(connection, home.id, **values, **_from_config(input, config))


def _check_prior_runs(connection: Connection, home: Project, filters: str | None) -> None:
    """Raise LitsweepError if a filter matches no run, so that no misspelt name is ignored."""
    if not filters:
        return
    missing = run_filters.without_runs(runs.of_project(connection, home.id), filters)
    if missing:
        names = ", ".join(str(part.get("name", dumps(part))) for part in missing)
        raise LitsweepError(
            f"--prior_run {names}: no such run in project {home.entity}/{home.name}; "
            "give a run's id, the last part of its page's address, and --project if it is in another project"
        )


def _check_earlier(connection: Connection, home: Project, config: SweepConfig) -> None:
    """Raise LitsweepError if `transfer` names a sweep that is not in the project."""
    missing = [name for name in config.transfer or () if sweeps.find(connection, name, home.id) is None]
    if missing:
        raise LitsweepError(
            f"litsweep.transfer: no such sweep in project {home.entity}/{home.name}: {', '.join(missing)}; "
            "give a sweep's id, the last part of its page's address"
        )


def _from_config(input: Input, config: SweepConfig) -> dict[str, Any]:
    for name in ("scheduler", "controller"):
        json_value(input.get(name) or "null", name)
    scheduler = input.get("scheduler") or (dumps(config.scheduler) if config.scheduler else None)
    most = config.max_runs
    return {
        "config": as_yaml(input["config"]),
        "program": config.program,
        "scheduler": scheduler,
        "expected_runs": None if most is None else min(most, sweeps.MAX_EXPECTED_RUNS),
    }


def _change(connection: Connection, known: SweepRecord, input: Input, config: SweepConfig | None) -> None:
    config_edits.require_version(known, input.get("version"))
    values = {key: input[key] for key in ("display_name", "description") if input.get(key) is not None}
    if config is not None:
        values = config_edits.texts(known, config, values)
        config_edits.edit_config(connection, known, config, changes.BY_KEY, _from_config(input, config))
    if filters := input.get("prior_runs_filters"):
        _check_prior_runs(connection, projects.one(connection, known.project_id), filters)
        sweeps.change(connection, known.id, prior_runs=filters)
    changes.edit_sweep(connection, known, values, changes.BY_KEY)


@mutation.field("deleteSweep")
def _delete_sweep(_: object, info: Info, *, input: Input) -> Payload:
    """Delete a sweep with its runs, their files and artifacts."""
    sweep = info.context.read(_existing, input["id"])
    info.context.close()
    deletion.delete_sweep(info.context.backend, sweep, changes.BY_KEY)
    return {"success": True}


@mutation.change("enqueueSweepRun")
def _enqueue_run(connection: Connection, context: Context, input: Input) -> Payload:
    """Add a run for an external scheduler. The run waits for an agent."""
    known = _existing(connection, input["id"])
    args = dumps(_wrapped(json_object(input["config"], "config")))
    label = input.get("display_name")
    values = {"sweep_id": known.id, "config": args, "args": args, "display_name": label}
    made = run_states.create(connection, known.project_id, short_id(), values)
    context.mark_changed(made)
    return {"id": made.name, "run_queue_item_id": str(made.id)}


def _wrapped(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config with each value as `{"value": …}`. Some schedulers send plain values."""
    return {k: v if isinstance(v, dict) and "value" in v else {"value": v} for k, v in config.items()}


def _existing(connection: Connection, storage_id: str) -> SweepRecord:
    known = sweeps.get(connection, row_id(storage_id)) or sweeps.find(connection, storage_id)
    if known is None:
        raise NotFoundError(f"sweep {storage_id} does not exist")
    return known


@project.field("sweep")
def _sweep(
    parent: Project, info: Info, *, sweep_name: str | None = None, id: str | None = None
) -> SweepRecord | None:
    return info.context.read(sweeps.find, sweep_name or id or "", parent.id)


@project.field("totalSweeps")
def _total_sweeps(parent: Project, info: Info) -> int:
    return len(info.context.read(sweeps.of_project, parent.id))


@sweep.field("method")
def _method(parent: SweepRecord, _: Info) -> str | None:
    return str(parsed(parent.config).method)


@sweep.field("controllerRunName")
def _controller_run_name(parent: SweepRecord, _: Info) -> str:
    return sweeps.controller_run_name(parent)


@sweep.field("runCountExpected")
def _run_count_expected(parent: SweepRecord, _: Info) -> int | None:
    """Return None also for a number that exceeds a double, because clients read it as a double."""
    if parent.expected_runs != sweeps.MAX_EXPECTED_RUNS:
        return parent.expected_runs
    return sweep_states.expected_runs(parsed(parent.config))


@sweep.field("runStates")
def _run_states(parent: SweepRecord, info: Info) -> dict[str, int]:
    return dict(info.context.read(listed_runs.words, parent.id))


@sweep.field("runs")
def _runs(parent: SweepRecord, info: Info, **wanted: Unpack[Listing]) -> Payload:
    """Without `first`, return all runs: `wandb sweep --stop` and the agent ask that way."""
    return whole(select_runs(info.context, wanted, runs.of_sweep, parent.id), **wanted)


@sweep.field("priorRuns")
def _prior_runs(parent: SweepRecord, info: Info, **wanted: Unpack[Listing]) -> Payload:
    """Return the runs that `wandb sweep --prior_run` named."""
    if not parent.prior_runs:
        return whole([], **wanted)
    prior: Listing = {"filters": parent.prior_runs}
    allowed = {run.id for run in select_runs(info.context, prior, runs.of_project, parent.project_id)}
    found = select_runs(info.context, wanted, runs.of_project, parent.project_id)
    return whole([run for run in found if run.id in allowed and run.sweep_id != parent.id], **wanted)


@sweep.field("agent")
def _agent(parent: SweepRecord, info: Info, *, agent_name: str) -> AgentRecord | None:
    return info.context.read(sweeps.find_agent, parent.id, agent_name)


@sweep.field("agents")
def _agents(parent: SweepRecord, info: Info, **wanted: Unpack[Listing]) -> Payload:
    return whole(info.context.read(sweeps.agents_of, parent.id), **wanted)
