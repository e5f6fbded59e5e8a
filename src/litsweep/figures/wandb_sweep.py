"""A sweep of a W&B server, read with the stock `wandb` client: from W&B's cloud or the embedded backend."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import wandb
from wandb.apis.public import Run, Runs, Sweep

from litsweep.errors import LitsweepError, client_errors, is_missing_sweep, is_wandb_error
from litsweep.figures.run_results import ALONG, learning_curve, numbers, own_values, results
from litsweep.figures.sweep_data import Curve, RunData, SweepData
from litsweep.sweep.completion import completed
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import FAILURE, FAILURE_MESSAGE, RunState
from litsweep.sweep.reason import words
from litsweep.sweep.reasons import reason_text
from litsweep.sweep.run import ENDED_BY_SEARCH, state_word

PAGE = 500
"""The number of runs of one request."""

READERS = 8
"""The number of runs whose history is read at the same time."""

_DETAILS = """query RunDetails($entity: String!, $project: String!, $filters: JSONString!, $after: String) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: 500, after: $after) {
      edges { node { name %s } } pageInfo { hasNextPage endCursor } } } }"""
_ON_THE_EMBEDDED_BACKEND = "stopped host agent { name } times reason stopReason"
_ON_ANY_SERVER = "stopped"


@dataclass(frozen=True, kw_only=True)
class RunDetails:
    """What the client's `Run` lacks. `stopped` is True if the run was asked to stop."""

    stopped: bool = False
    host: str | None = None
    agent: str | None = None
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    reason: str = ""
    stop_reason: str = ""


def find(path: str) -> Sweep:
    """Return a sweep of the server in the environment. Raises LitsweepError if there is none at `path`."""
    with _errors_for(path, ValueError):
        found: Sweep = wandb.Api().sweep(path)  # type: ignore[no-untyped-call]  # wandb
        return found


@contextmanager
def _errors_for(path: str, *others: type[Exception]) -> Iterator[None]:
    """Raise LitsweepError for an error of the client in the block, with the fix if there is no sweep."""
    try:
        with client_errors(f"cannot read sweep {path}", *others):
            yield
    except LitsweepError as error:
        if not is_missing_sweep(error):
            raise
        fix = "write ENTITY/PROJECT/ID as `wandb sweep` printed it, and check WANDB_BASE_URL"
        raise LitsweepError(f"there is no sweep {path}: {fix}") from None


def read(sweep: Sweep) -> SweepData:
    """Return the present state of a sweep. Raises LitsweepError if the server does not answer."""
    with _errors_for(f"{sweep.entity}/{sweep.project}/{sweep.id}"):
        return _read(sweep)


def _read(sweep: Sweep) -> SweepData:
    config = parse_sweep(sweep.config)
    details = _details(sweep)
    # `sweep.runs` asks for 10 runs at a time, and for the config of each run alone.
    found = list(
        Runs(
            sweep._service_api,
            sweep.entity,
            sweep.project,
            filters={"sweep": sweep.id},
            per_page=PAGE,
            lazy=False,
        )
    )
    with ThreadPoolExecutor(READERS) as readers:
        curves = list(readers.map(lambda run: [_curve(run, metric.name) for metric in config.metrics], found))
    rows = zip(found, curves, strict=True)
    runs = [_run_data(run, own, details.get(run.id, RunDetails()), config) for run, own in rows]
    path = f"{sweep.entity}/{sweep.project}/{sweep.id}"  # `sweep.path` is quoted
    return SweepData(title=sweep.name, config=config, runs=runs, path=path)


def _run_data(run: Run, curves: Sequence[Curve], more: RunDetails, config: SweepConfig) -> RunData:
    state, summary = RunState(run.state), run.summary_metrics
    stopped_early = more.stopped and state in ENDED_BY_SEARCH
    created, beat = seconds(run.created_at), seconds(run.heartbeat_at)
    known = completed(config, config.flatten(run.config))
    return RunData(
        name=run.id,
        title=run.name or run.id,
        state=state_word(state, stopped_early, summary.get(FAILURE)),
        is_alive=state.is_alive,
        is_broken=state.is_broken_by(summary.get(FAILURE)),
        parameters=known,
        **results(curves, summary, config),
        config=dict(own_values(run.config)),
        summary=numbers(summary),
        created=more.created or created or 0.0,
        started=more.started if more.created else created,
        ended=None if state.is_alive else more.ended or beat,
        agent=more.agent,
        host=more.host,
        reason=more.reason,
        stop_reason=more.stop_reason,
        failure=_failure(summary),
    )


def _failure(summary: Mapping[str, Any]) -> str | None:
    """Return the failure of a run in words, with its message."""
    if not summary.get(FAILURE):
        return None
    message = summary.get(FAILURE_MESSAGE)
    return f"{words(str(summary[FAILURE]))}{f': {message}' if message else ''}"


def _curve(run: Run, metric: str) -> Curve:
    """Return the curve of a metric.

    The client leaves out rows that lack one of the names it asks for. If rows without an epoch are missing,
    the curve is read again without epochs.
    """
    logged = (run.history_keys or {}).get("keys", {})
    if metric not in logged:
        return Curve()
    names = [metric, *(name for name in ("_step", "_timestamp") if name in logged)]
    along = [name for name in ALONG if name in logged and name != metric]
    rows = list(run.scan_history(keys=names + along))
    if along and len(rows) < sum(kind["count"] for kind in logged[metric]["typeCounts"]):
        rows = list(run.scan_history(keys=names))
    return learning_curve(rows, metric)


def _details(sweep: Sweep) -> Mapping[str, RunDetails]:
    """Return the details of each run by its name. W&B's cloud lacks fields of the embedded backend."""
    try:
        return {name: _parsed(node) for name, node in _nodes(sweep, _ON_THE_EMBEDDED_BACKEND)}
    except Exception as error:
        if not is_wandb_error(error):
            raise
    agents = _agents(sweep)
    return {
        name: RunDetails(stopped=bool(node["stopped"]), agent=agents.get(name))
        for name, node in _nodes(sweep, _ON_ANY_SERVER)
    }


def _nodes(sweep: Sweep, fields: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name of each run with the fields that a query asks for."""
    filters = json.dumps({"sweep": sweep.id})
    variables = {"entity": sweep.entity, "project": sweep.project, "filters": filters}
    after: str | None = None
    while True:
        answer: Any = sweep._service_api.execute_graphql(_DETAILS % fields, {**variables, "after": after})
        page = answer["project"]["runs"]
        yield from ((edge["node"]["name"], edge["node"]) for edge in page["edges"])
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _agents(sweep: Sweep) -> Mapping[str, str]:
    """Return the name of each run's agent, with one request for each agent."""
    with ThreadPoolExecutor(READERS) as readers:
        found = readers.map(lambda agent: (agent.name, [run.id for run in agent.runs()]), sweep.agents())
    return {run: agent for agent, runs in found for run in runs}


def _parsed(node: Mapping[str, Any]) -> RunDetails:
    return RunDetails(
        stopped=bool(node["stopped"]),
        host=node["host"],
        agent=(node["agent"] or {}).get("name"),
        **node["times"],
        reason=reason_text(node["reason"]),
        stop_reason=reason_text(node["stopReason"]),
    )


def seconds(time: str | None) -> float | None:
    """Return an ISO time in UTC as seconds since 1970."""
    return datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() if time else None
