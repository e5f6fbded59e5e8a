"""Sweeps."""

import json
from typing import Any

import yaml
from ariadne import MutationType, ObjectType
from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import run_filters, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.pages import everything, page
from litsweep.server.graphql.projects import DEFAULT_PROJECT
from litsweep.server.store import projects, runs, sweeps
from litsweep.server.store.names import short_id
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.config import SweepConfig, parse_sweep

mutation = MutationType()
project = ObjectType("Project")
sweep = ObjectType("Sweep")


@mutation.field("upsertSweep")
def upsert_sweep(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    """Without `id` a new sweep; with it a change of config, state or name."""
    backend = info.context.backend
    config = parse_sweep(input["config"]) if input.get("config") else None
    with backend.database.write() as connection:
        if input.get("id"):
            known = _get(connection, input["id"])
            _change(connection, known, input, config)
        elif config is not None:
            known = _create(connection, backend, input, config)
        else:
            raise LitsweepError("upsertSweep needs a config, or the id of a sweep to change")
        if input.get("state"):
            sweep_states.enter(connection, known, input["state"].upper())
        fresh = sweeps.get(connection, known.id)
    if input.get("id"):
        backend.sweeps.forget(known.id)
    return {"sweep": fresh, "config_validation_warnings": list(config.local_warnings) if config else []}


def _create(
    connection: Connection, backend: Backend, input: dict[str, Any], config: SweepConfig
) -> SweepRecord:
    """Project and entity named by the request come before those of the config."""
    entity = input.get("entity_name") or config.entity or backend.settings.default_entity
    home = projects.ensure(connection, entity, input.get("project_name") or config.project or DEFAULT_PROJECT)
    _check_prior_runs(connection, home, input.get("prior_runs_filters"))
    values = {
        "controller": input.get("controller"),
        "prior_runs": input.get("prior_runs_filters"),
        "display_name": input.get("display_name") or config.name,
        "description": input.get("description") or config.description,
    }
    return sweeps.add(connection, home.id, **values, **_from_config(input, config))


def _check_prior_runs(connection: Connection, home: Project, filters: str | None) -> None:
    """A misspelt prior run would leave the search without what it was to begin with, and without a word."""
    if not filters:
        return
    missing = run_filters.without_runs(runs.of_project(connection, home.id), filters)
    if missing:
        names = ", ".join(str(part.get("name", dumps(part))) for part in missing)
        raise LitsweepError(
            f"--prior_run {names}: no such run in project {home.entity}/{home.name}; "
            "give a run's id, the last part of its page's address, and --project if it is in another project"
        )


def _from_config(input: dict[str, Any], config: SweepConfig) -> dict[str, Any]:
    scheduler = input.get("scheduler") or (dumps(config.scheduler) if config.scheduler else None)
    most = config.max_runs
    return {
        "config": input["config"],
        "program": config.program,
        "scheduler": scheduler,
        "expected_runs": None if most is None else min(most, sweeps.MOST_EXPECTED),
    }


def _change(
    connection: Connection, known: SweepRecord, input: dict[str, Any], config: SweepConfig | None
) -> None:
    """A new config may allow more runs than the old one: the search decides again whether it is done."""
    values: dict[str, Any] = {}
    if config is not None:
        values |= _from_config(input, config) | {"done_because": None}
        if known.state == "FINISHED" and known.done_because is not None:
            values["state"] = "RUNNING"
    values |= {key: input[key] for key in ("display_name", "description") if input.get(key) is not None}
    sweeps.change(connection, known.id, **values)


@mutation.field("enqueueSweepRun")
def enqueue_run(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, str]:
    """A run that a scheduler outside asks for: it waits for an agent."""
    with info.context.backend.database.write() as connection:
        known = _get(connection, input["id"])
        args = dumps(_wrapped(json.loads(input["config"])))
        values = {"sweep_id": known.id, "state": "pending", "config": args, "args": args}
        made = runs.add(
            connection, known.project_id, short_id(), {**values, "display_name": input.get("display_name")}
        )
    return {"id": made.name, "run_queue_item_id": str(made.id)}


def _wrapped(config: dict[str, Any]) -> dict[str, Any]:
    """The API takes plain values, the scheduler sends them as `{"value": …}`."""
    return {k: v if isinstance(v, dict) and "value" in v else {"value": v} for k, v in config.items()}


def _get(connection: Connection, storage_id: str) -> SweepRecord:
    known = sweeps.get(connection, int(storage_id)) if storage_id.isdigit() else None
    known = known or sweeps.find(connection, storage_id)
    if known is None:
        raise NotFoundError(f"sweep {storage_id} does not exist")
    return known


@project.field("sweep")
def resolve_sweep(
    parent: Project, info: Info, *, sweep_name: str | None = None, id: str | None = None
) -> SweepRecord | None:
    with info.context.backend.database.read() as connection:
        return sweeps.find(connection, sweep_name or id or "", parent.id)


@project.field("sweeps")
def resolve_sweeps(
    parent: Project, info: Info, *, first: int | None = None, after: str | None = None, **_: object
) -> dict[str, Any]:
    with info.context.backend.database.read() as connection:
        return page(sweeps.of_project(connection, parent.id), first, after)


@project.field("totalSweeps")
def resolve_total_sweeps(parent: Project, info: Info) -> int:
    with info.context.backend.database.read() as connection:
        return len(sweeps.of_project(connection, parent.id))


@sweep.field("project")
def resolve_project(parent: SweepRecord, info: Info) -> Project:
    with info.context.backend.database.read() as connection:
        return projects.get(connection, parent.project_id)


@sweep.field("method")
def resolve_method(parent: SweepRecord, _: Info) -> str | None:
    method = yaml.safe_load(parent.config).get("method")
    return str(method) if method else None


@sweep.field("controllerRunName")
def resolve_controller_run_name(parent: SweepRecord, _: Info) -> str:
    return sweeps.controller_run_name(parent)


@sweep.field("earlyStopJobRunning")
def resolve_early_stop_job(_parent: SweepRecord, _: Info) -> bool:
    return False


@sweep.field("runCount")
def resolve_run_count(parent: SweepRecord, info: Info) -> int:
    with info.context.backend.database.read() as connection:
        return sweeps.count_runs(connection, parent.id)


@sweep.field("runCountExpected")
def resolve_run_count_expected(parent: SweepRecord, _: Info) -> int | None:
    """None also where clients would have to read a number that no double holds."""
    if parent.expected_runs != sweeps.MOST_EXPECTED:
        return parent.expected_runs
    return sweep_states.expected_runs(parse_sweep(parent.config))


@sweep.field("heartbeatAt")
def resolve_heartbeat(parent: SweepRecord, _: Info) -> float:
    return parent.updated_at


@sweep.field("runs")
def resolve_runs(
    parent: SweepRecord,
    info: Info,
    *,
    filters: str | None = None,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Without `first` all of them: `wandb sweep --stop` and the agent ask that way."""
    with info.context.backend.database.read() as connection:
        found = run_filters.select(runs.of_sweep(connection, parent.id), filters, order)
    return everything(found) if first is None else page(found, first, after)


@sweep.field("priorRuns")
def resolve_prior_runs(
    parent: SweepRecord,
    info: Info,
    *,
    filters: str | None = None,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """The runs that `wandb sweep --prior_run` named."""
    found: list[RunRecord] = []
    if parent.prior_runs:
        with info.context.backend.database.read() as connection:
            prior = run_filters.select(runs.of_project(connection, parent.project_id), parent.prior_runs)
        found = run_filters.select([run for run in prior if run.sweep_id != parent.id], filters, order)
    return everything(found) if first is None else page(found, first, after)


@sweep.field("agent")
def resolve_agent(parent: SweepRecord, info: Info, *, agent_name: str) -> AgentRecord | None:
    with info.context.backend.database.read() as connection:
        return sweeps.find_agent(connection, parent.id, agent_name)


@sweep.field("agents")
def resolve_agents(
    parent: SweepRecord, info: Info, *, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    with info.context.backend.database.read() as connection:
        found = sweeps.agents_of(connection, parent.id)
    return everything(found) if first is None else page(found, first, after)


bindables = [mutation, project, sweep]
