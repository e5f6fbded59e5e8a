"""What the commands show of a sweep: the embedded backend's sums, or those of all runs on another server."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import requests

from litsweep.launch.credentials import credentials
from litsweep.launch.protocol import GraphqlApi
from litsweep.launch.result import BestRun, SweepResult, best_run, result_of
from litsweep.launch.status import OVER, RunStatus, SweepStatus
from litsweep.launch.variables import client_settings
from litsweep.search.ledger import GridLedger, GridPoint, PointState, grid_ledger
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import Run, in_order


@dataclass(frozen=True)
class SweepSums:
    """The config and the result of a sweep, and the ledger of a grid search."""

    config: SweepConfig
    result: SweepResult
    grid: GridLedger | None


def read_sums(sweep: str) -> SweepSums:
    """Return the sums of a sweep, ENTITY/PROJECT/ID. Raises LitsweepError if it is not found."""
    found = credentials()
    server = _Server(found["WANDB_BASE_URL"], found["WANDB_API_KEY"])
    answer = server.sums(sweep)
    if answer is not None:
        return _of_answer(answer, server.base_url)
    client_settings()
    from litsweep.launch.watch import SweepWatch  # it needs the client, whose import takes half a second

    return _of_runs(SweepWatch(sweep).read())


class _Server(GraphqlApi):
    def sums(self, sweep: str) -> Mapping[str, Any] | None:
        """Return the answer of the embedded backend. Return None if there is none, as on W&B's cloud."""
        entity, project, name = (quote(part, safe="") for part in sweep.split("/"))
        try:
            answer = self._http.get(f"{self.base_url}/-/data/{entity}/{project}/sweeps/{name}/sums")
            found = answer.json() if answer.ok else None
        except (requests.RequestException, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _of_answer(answer: Mapping[str, Any], base_url: str) -> SweepSums:
    config = parse_sweep(answer["config"])
    entity, project, sweep = answer["path"].split("/")
    home = f"{base_url}/{quote(entity)}/{quote(project)}"

    def shown(run: Mapping[str, Any]) -> BestRun:
        version = parse_sweep(run["config"])  # that the run came from
        own = replace(version, metrics=config.metrics)
        return best_run(_run_status(run, f"{home}/runs/{quote(run['name'])}", own), own)

    result = SweepResult(
        sweep=answer["path"],
        url=f"{home}/sweeps/{quote(sweep)}",
        state=answer["state"],
        metric=config.metric.name if config.metric else None,
        goal=config.metric.goal if config.metric else None,
        runs=dict(in_order(answer["counts"])),
        best=shown(answer["best"]) if answer["best"] else None,
        logged=tuple(answer["logged"]),
        is_over=answer["state"] in OVER and not answer["alive"],
        goals={metric.name: metric.goal.value for metric in config.metrics},
        front=tuple(map(shown, answer["front"])),
        unusable=answer["unusable"],
        unmet=answer.get("unmet", ""),
        unreported=answer["unreported"],
        confirmed=answer.get("confirmed"),
        limits=config.limits,
    )
    return SweepSums(config, result, _ledger(answer["grid"]))


def _run_status(run: Mapping[str, Any], url: str, config: SweepConfig) -> RunStatus:
    assert config.metric is not None, "only runs with a value of the metric are shown"
    flat, objectives = run["parameters"], run["objectives"]
    own = {p.name: flat[p.name] for p in config.space.parameters if p.name in flat}
    return RunStatus(
        id=run["name"],
        name=run["title"],
        url=url,
        state=RunState(run["state"]),
        parameters=own | flat,  # in the order of the YAML, then the seed of a repeat
        summary=run["summary"],
        best=objectives[config.metric.name],
        last=run["last"],
        objectives=objectives,
        stopped_early=run["stopped_early"],
    )


def _ledger(grid: Mapping[str, Any] | None) -> GridLedger | None:
    if grid is None:
        return None
    counts = {PointState(state): number for state, number in grid["counts"].items()}
    points = (
        GridPoint(each["parameters"], PointState(each["state"]), each["run"]) for each in grid["points"]
    )
    return GridLedger(counts, tuple(points))


def _of_runs(status: SweepStatus) -> SweepSums:
    runs = (
        Run(run.id, run.parameters, run.state, failure=run.failure, stopped_early=run.stopped_early)
        for run in status.runs
    )
    return SweepSums(status.config, result_of(status), grid_ledger(status.config, runs))
