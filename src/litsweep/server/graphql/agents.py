"""GraphQL: agents, their registration and their heartbeats."""

import json
from functools import partial
from typing import Unpack

from ariadne import ObjectType
from sqlalchemy import Connection

from litsweep.server import dispatch, sweep_states
from litsweep.server.arguments import json_object, row_id
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.resolvers import Input, Listing, Mutations, Payload, page, select_runs
from litsweep.server.store import runs, sweeps
from litsweep.server.store.sweeps import AgentRecord, AgentState
from litsweep.sweep.contract import AGENT_NAME

mutation = Mutations()
agent = ObjectType("Agent")


@mutation.change("createAgent")
def _create_agent(connection: Connection, context: Context, input: Input) -> Payload:
    sweep = sweeps.find(connection, input["sweep"])
    if sweep is None:
        raise NotFoundError(f"sweep {input['sweep']} does not exist")
    sweep_states.begin(connection, sweep.id)
    made = sweeps.add_agent(connection, sweep.id, input.get("host") or "")
    context.backend.liveness.note_agent(made.id)
    return {"agent": made}


@mutation.field("agentHeartbeat")
def _agent_heartbeat(_: object, info: Info, *, input: Input) -> Payload:
    info.context.close()  # the heartbeat has transactions of its own
    state = json_object(input.get("run_state") or "{}", "runState")
    named = frozenset(name for name, is_live in state.items() if is_live)
    agent_id = row_id(input["id"])
    reports_ends = info.context.user_agent == AGENT_NAME
    commands = dispatch.heartbeat(info.context.backend, agent_id, named, reports_ends)
    if commands:
        info.context.if_unread = partial(info.context.backend.liveness.take_run_command, agent_id)
    return {"agent": {"id": agent_id}, "commands": json.dumps(commands)}


@agent.field("state")
def _state(parent: AgentRecord, _: Info) -> str:
    words = {AgentState.WORKING: "RUNNING", AgentState.EXITED: "EXITED", AgentState.GONE: "LOST"}
    return words[AgentState(parent.exited)]


@agent.field("totalRuns")
def _total_runs(parent: AgentRecord, info: Info) -> int:
    return len(info.context.read(runs.of_agent, parent.id))


@agent.field("runs")
def _runs(parent: AgentRecord, info: Info, **wanted: Unpack[Listing]) -> Payload:
    return page(select_runs(info.context, wanted, runs.of_agent, parent.id), **wanted)
