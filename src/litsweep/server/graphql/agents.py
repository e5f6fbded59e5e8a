"""Agents: their registration and their heartbeats."""

import json
import time
from typing import Any

from ariadne import MutationType, ObjectType

from litsweep.server import dispatch, run_filters, sweep_states
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.pages import page
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord
from litsweep.sweep.run import AGENT_NAME

mutation = MutationType()
agent = ObjectType("Agent")


@mutation.field("createAgent")
def create_agent(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, AgentRecord]:
    with info.context.backend.database.write() as connection:
        sweep = sweeps.find(connection, input["sweep"])
        if sweep is None:
            raise NotFoundError(f"sweep {input['sweep']} does not exist")
        sweep_states.begin(connection, sweep.id)
        return {"agent": sweeps.add_agent(connection, sweep.id, input.get("host") or "")}


@mutation.field("agentHeartbeat")
def agent_heartbeat(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, bool] = json.loads(input.get("run_state") or "{}")
    named = frozenset(name for name, is_live in state.items() if is_live)
    agent_id = int(input["id"]) if input["id"].isdigit() else 0
    reports_ends = info.context.user_agent == AGENT_NAME
    commands = dispatch.heartbeat(info.context.backend, agent_id, named, reports_ends)
    return {"agent": {"id": agent_id}, "commands": json.dumps(commands)}


@agent.field("state")
def resolve_state(parent: AgentRecord, _: Info) -> str:
    if parent.exited:
        return "EXITED"
    return "LOST" if time.time() - parent.heartbeat_at > dispatch.AGENT_GONE_AFTER else "RUNNING"


@agent.field("totalRuns")
def resolve_total_runs(parent: AgentRecord, info: Info) -> int:
    return len(_runs(parent, info))


@agent.field("runs")
def resolve_runs(
    parent: AgentRecord,
    info: Info,
    *,
    first: int | None = None,
    after: str | None = None,
    order: str | None = None,
    **_: object,
) -> dict[str, Any]:
    return page(run_filters.select(_runs(parent, info), None, order), first, after)


def _runs(parent: AgentRecord, info: Info) -> list[RunRecord]:
    with info.context.backend.database.read() as connection:
        return list(runs.of_agent(connection, parent.id))


bindables = [mutation, agent]
