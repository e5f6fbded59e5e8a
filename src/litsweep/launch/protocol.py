"""W&B's agent protocol over GraphQL, as the stock `wandb agent` speaks it.

The stock client's own functions for it are private, and they start a service process. Servers keep the wire
format stable.
"""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import yaml

from litsweep.errors import LitsweepError
from litsweep.launch.credentials import credentials
from litsweep.launch.variables import Http
from litsweep.sweep.contract import AGENT_NAME, RETRIED_AS, RunState

_SWEEP = """query Sweep($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) {
    name entityName sweep(sweepName: $sweep) { id name state config } } }"""
_REGISTER = """
mutation CreateAgent($host: String!, $projectName: String, $entityName: String, $sweep: String!) {
  createAgent(input: {host: $host, projectName: $projectName, entityName: $entityName, sweep: $sweep}) {
    agent { id } } }"""
_HEARTBEAT = """mutation Heartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) { agent { id } commands } }"""

_RUN = """query Run($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { id name state stopped summaryMetrics } } }"""
_RUNS = """query Runs($entity: String!, $project: String!, $filters: JSONString!) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: 500) { edges { node { name summaryMetrics } } } } }"""
_STOPPED = """query Stopped($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $sweep) { runs { edges { node { name stopped } } } } } }"""
_RESUME = """mutation Resume($id: ID!) { upsertSweep(input: {id: $id, state: "RUNNING"}) { sweep { id } } }"""
_UPSERT = """mutation UpsertBucket($id: String, $summaryMetrics: JSONString) {
  upsertBucket(input: {id: $id, summaryMetrics: $summaryMetrics}) { bucket { id } } }"""

_RETRY = """mutation RetryRuns($input: RetryRunsInput!) {
  retryRuns(input: $input) {
    sweep { state }
    retried { attempt why run { name displayName } repeats { name displayName } }
    refused { name why } } }"""

_CONFIRM = """mutation ConfirmRuns($input: ConfirmRunsInput!) {
  confirmRuns(input: $input) { sweep { state } queued { name } confirmed } }"""


_EMBEDDED = "only the embedded backend of this version can"


class SweepGoneError(LitsweepError):
    """The sweep was deleted, or the server no longer knows the agent."""


class UnreachableError(LitsweepError):
    """The server did not answer. A later attempt may succeed.

    `is_answer` is True if the server did answer, with an error that may be final.
    """

    def __init__(self, message: str, is_answer: bool = False) -> None:
        super().__init__(message)
        self.is_answer = is_answer


class NoSweepError(LitsweepError):
    """The server has no such sweep."""


def no_sweep(sweep: str, server: str | None = None) -> NoSweepError:
    """Return the error for a sweep that does not exist."""
    if sweep.endswith((".yaml", ".yml")):
        return NoSweepError(
            f"{sweep} is a file, not a sweep; `litsweep run {sweep}` creates and runs its sweep"
        )
    fix = "write ENTITY/PROJECT/ID as `wandb sweep` printed it; `litsweep status` lists the sweeps"
    return NoSweepError(f"there is no sweep {sweep}: {fix}{f' of {server}' if server else ''}")


@dataclass(frozen=True)
class SweepPath:
    """`ENTITY/PROJECT/ID`. The server has defaults if entity or project is None."""

    entity: str | None
    project: str | None
    id: str

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str] = os.environ) -> "SweepPath":
        """Read `ID`, `PROJECT/ID` or `ENTITY/PROJECT/ID`. WANDB_ENTITY and WANDB_PROJECT fill the rest."""
        parts = text.strip("/").split("/")
        if len(parts) > 3 or not all(parts):
            raise LitsweepError(f"sweep {text!r}: write ENTITY/PROJECT/ID as `wandb sweep` printed it")
        entity, project, sweep = [None] * (3 - len(parts)) + parts
        assert sweep is not None, "parts is not empty"
        return cls(entity or environ.get("WANDB_ENTITY"), project or environ.get("WANDB_PROJECT"), sweep)

    def __str__(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.id) if part)


@dataclass(frozen=True)
class Command:
    """A command of the server: `run`, `resume`, `stop` or `exit`. `args` maps a parameter to {"value": …}."""

    type: str
    run_id: str = ""
    program: str = ""
    args: Mapping[str, Mapping[str, object]] | None = None


class GraphqlApi:
    """A W&B server. Each call raises UnreachableError, SweepGoneError or LitsweepError."""

    subject = "the requested object"
    """What requests are about, for messages."""

    def __init__(self, base_url: str, api_key: str, environ: Mapping[str, str] = os.environ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = Http(environ)
        token = base64.b64encode(f"api:{api_key}".encode()).decode()
        self._http.headers.update({"Authorization": f"Basic {token}", "User-Agent": AGENT_NAME})

    def _call(self, query: str, **variables: Any) -> dict[str, Any]:
        body = self._post(f"{self.base_url}/graphql", {"query": query, "variables": variables})
        if not isinstance(body.get("data"), dict):
            raise UnreachableError(f"{self.base_url} answered without data")
        return dict(body["data"])

    def _post(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.post(url, json=body)
        except requests.RequestException as error:
            raise UnreachableError(f"{self.base_url} does not answer: {error}") from error
        is_page = "html" in answer.headers.get("content-type", "")  # of another server, or of a proxy
        if answer.status_code == 404 and not is_page:
            raise SweepGoneError(f"{self.base_url} does not know {self.subject} any more")
        if answer.status_code in (401, 403):
            raise LitsweepError(
                f"{self.base_url} refuses the key: set WANDB_API_KEY, or run `wandb login` "
                "(`litsweep env` prints the key of an embedded backend)"
            )
        try:
            found = dict(answer.json())
        except (ValueError, TypeError):
            found = {}
        if found.get("errors") and answer.status_code < 500:
            raise UnreachableError(f"{self.base_url}: {found['errors'][0].get('message')}", is_answer=True)
        if not answer.ok or not found:
            said = f"{answer.reason}; is this a W&B server?" if is_page else answer.text[:300]
            raise UnreachableError(f"{self.base_url} answered {answer.status_code}: {said}")
        return found


class AgentApi(GraphqlApi):
    """The requests of an agent. `path` is the sweep."""

    def __init__(
        self, base_url: str, api_key: str, path: SweepPath, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(base_url, api_key, environ)
        self.path = path
        self.subject = f"sweep {path} or its agent"

    def _project(self, query: str, **variables: str) -> dict[str, Any]:
        """Return what a query of the sweep's project says about it; empty without the project."""
        answer = self._call(query, entity=self.path.entity, project=self.path.project, **variables)
        return dict(answer.get("project") or {})

    def command(self) -> list[str] | None:
        """Return the sweep's `command`, or None for the default."""
        config = self.sweep()["config"]
        parsed = yaml.safe_load(config) if isinstance(config, str) else config
        command = (parsed or {}).get("command")
        return [str(word) for word in command] if command else None

    @property
    def _home(self) -> dict[str, str | None]:
        return {"entityName": self.path.entity, "projectName": self.path.project, "sweep": self.path.id}

    def sweep(self) -> dict[str, Any]:
        """Return storage id, name, state and config of the sweep. Completes `path`."""
        project = self._project(_SWEEP, sweep=self.path.id)
        if not project.get("sweep"):
            raise no_sweep(str(self.path), self.base_url)
        self.path = SweepPath(project["entityName"], project["name"], project["sweep"]["name"])
        return dict(project["sweep"])

    def resume(self, storage_id: str) -> None:
        """Reopen a finished sweep."""
        self._call(_RESUME, id=storage_id)

    def retry(self, runs: Sequence[str], states: Sequence[str], limit: int) -> dict[str, Any]:
        """Run the configs of ended runs again. Return the sweep's state, the new runs and the refused ones.

        Raises LitsweepError if the server is not litsweep's own.
        """
        chosen = {"runs": list(runs), "states": list(states), "limit": limit}
        fix = "on W&B's cloud, create a sweep with the configs that failed"
        return self._of_sweep(_RETRY, "retryRuns", chosen, f"retry runs: {_EMBEDDED}; {fix}")

    def confirm(self, top: int, seeds: int, parameter: str) -> dict[str, Any]:
        """Queue repeats of the sweep's `top` configs. Return the sweep's state and the comparison so far.

        Raises LitsweepError if the server is not litsweep's own.
        """
        chosen = {"top": top, "seeds": seeds, "parameter": parameter}
        fix = "on W&B's cloud, create a grid sweep of the best configs and some seeds"
        return self._of_sweep(_CONFIRM, "confirmRuns", chosen, f"repeat runs: {_EMBEDDED}; {fix}")

    def _of_sweep(self, mutation: str, name: str, chosen: Mapping[str, Any], unable: str) -> dict[str, Any]:
        """Return the answer of a mutation of the sweep that only litsweep's own server has."""
        try:
            answer = self._call(mutation, input={**self._home, **chosen})[name]
        except UnreachableError as error:
            if name.lower() not in str(error).lower():
                raise
            answer = None
        if answer is None:
            raise LitsweepError(f"{self.base_url} cannot {unable}")
        return dict(answer)

    def crashed(self) -> list[str]:
        """Return the crashed runs of the sweep, except those that `litsweep retry` has put back."""
        found = self._summaries({"$and": [{"sweep": self.path.id}, {"state": RunState.CRASHED}]})
        return [name for name, summary in found.items() if RETRIED_AS not in summary]

    def summaries(self, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the summary metrics of the named runs, of those that the server has."""
        return self._summaries({"name": {"$in": list(runs)}}) if runs else {}

    def _summaries(self, filters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        runs = self._project(_RUNS, filters=json.dumps(filters)).get("runs") or {"edges": []}
        return {run["name"]: dict(json.loads(run["summaryMetrics"] or "{}")) for run in _nodes(runs)}

    def stopped(self) -> frozenset[str]:
        """Return the runs of the sweep that were asked to stop, ended ones included."""
        sweep = self._project(_STOPPED, sweep=self.path.id).get("sweep") or {"runs": {"edges": []}}
        return frozenset(run["name"] for run in _nodes(sweep["runs"]) if run["stopped"])

    def register(self, host: str) -> str:
        """Register an agent of the sweep. Return the agent's id."""
        answer = self._call(_REGISTER, host=host, **self._home)
        return str(answer["createAgent"]["agent"]["id"])

    def heartbeat(self, agent: str, running: Sequence[str]) -> list[Command]:
        """Report the running runs. Return the server's commands."""
        state = json.dumps(dict.fromkeys(running, True))
        answer = self._call(_HEARTBEAT, id=agent, metrics="{}", runState=state)
        orders = json.loads((answer["agentHeartbeat"] or {}).get("commands") or "[]")
        return [
            Command(order["type"], order.get("run_id", ""), order.get("program", ""), order.get("args"))
            for order in orders
        ]

    def run(self, run_id: str) -> dict[str, Any]:
        """Return storage id, name, state, `stopped` and summary of a run; empty if the server lacks it."""
        return dict(self._project(_RUN, name=run_id).get("run") or {})

    def has_started(self, run_id: str) -> bool:
        """Return True if the run's program has called `wandb.init` and reached the server."""
        return bool(self.run(run_id).get("state", RunState.PENDING) != RunState.PENDING)

    def was_stopped(self, run_id: str) -> bool:
        """Return True if the run ended because the server asked for it, or has said that it is preempted."""
        run = self.run(run_id)
        return bool(run.get("stopped")) or run.get("state") == RunState.PREEMPTED

    def summary(self, run_id: str) -> dict[str, Any]:
        """Return the run's summary metrics."""
        return dict(json.loads(self.run(run_id).get("summaryMetrics") or "{}"))

    def update_summary(self, run_id: str, summary: Mapping[str, Any]) -> None:
        """Replace the run's summary metrics, unless the run never reached the server."""
        if found := self.run(run_id):
            self._call(_UPSERT, id=found["id"], summaryMetrics=json.dumps(summary))

    def requeue(self, run_id: str) -> None:
        """Make the server offer the run again, by reporting a preemption as its client would."""
        self.preempting(run_id)
        self.end(run_id, 1)

    def preempting(self, run_id: str) -> None:
        """Report that the run is about to lose its slot, so that the server does not count a failure."""
        self._stream(run_id, {"preempting": True})

    def end(self, run_id: str, exit_code: int) -> None:
        """Report the run's end in place of a client that died before it could."""
        self._stream(run_id, {"complete": True, "exitcode": exit_code})

    def _stream(self, run_id: str, body: Mapping[str, Any]) -> None:
        path = self.path
        self._post(f"{self.base_url}/files/{path.entity}/{path.project}/{run_id}/file_stream", body)


def _nodes(connection: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in connection["edges"]]


def connect(sweep: str, environ: Mapping[str, str] = os.environ) -> AgentApi:
    """Return the API of `sweep` with its complete path, at the server of `environ` (see `credentials`).

    Raises LitsweepError if the sweep does not exist.
    """
    found = credentials(environ)
    api = AgentApi(found["WANDB_BASE_URL"], found["WANDB_API_KEY"], SweepPath.parse(sweep, environ), environ)
    api.sweep()
    return api
