"""Agents that start together, by HTTP, and an agent that does not wait for its answer."""

import json
import socket
import time
from urllib.parse import urlsplit

import yaml
from benchmarks.agents import measure

from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_SWEEP
from tests.server.test_dispatch import GRID


def test_sixty_agents_that_start_together(module_server: LiveServer) -> None:
    """`benchmarks/agents.py` measures 1,000 and 2,000."""
    result = measure(module_server, 60, seconds=8.0, processes=1, first=0.0)
    assert result.seconds is not None and result.runs == 60, result
    assert result.failed == result.repeated == 0 and len(result.heartbeats) > 50, result
    assert result.quantile(50) < 0.2, result


def test_a_command_that_nobody_waited_for_is_sent_again(module_server: LiveServer) -> None:
    """The agent asks again at a time at which it would ask if it had read the command."""
    sweep = module_server.graphql(UPSERT_SWEEP, config=yaml.dump(GRID))["upsertSweep"]["sweep"]["name"]
    agent = module_server.graphql(CREATE_AGENT, sweep=sweep)["createAgent"]["agent"]["id"]
    body = json.dumps({"query": HEARTBEAT, "variables": {"id": agent, "runState": "{}"}})
    address = urlsplit(module_server.url)
    head = (
        f"Authorization: {module_server.authorization}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(f"POST /graphql HTTP/1.1\r\nHost: {address.netloc}\r\n{head}\r\n{body}".encode())
    states: list[str] = []
    deadline = time.monotonic() + 10
    while not states and time.monotonic() < deadline:
        states = _states(module_server, sweep)
    time.sleep(0.5)
    answer = module_server.graphql(HEARTBEAT, id=agent, runState="{}")["agentHeartbeat"]
    (command,) = json.loads(answer["commands"])
    assert command["type"] == "run" and _states(module_server, sweep) == ["pending"]


def _states(server: LiveServer, sweep: str) -> list[str]:
    query = """query S($name: String!) { project(name: "p", entityName: "local") {
                 sweep(sweepName: $name) { runs { edges { node { state } } } } } }"""
    edges = server.graphql(query, name=sweep)["project"]["sweep"]["runs"]["edges"]
    return [edge["node"]["state"] for edge in edges]
