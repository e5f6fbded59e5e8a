"""The status of a sweep, read with the stock `wandb` client from W&B cloud or the embedded backend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import wandb

from litsweep.errors import LitsweepError, client_errors, is_missing_sweep
from litsweep.launch.credentials import credentials
from litsweep.launch.protocol import AgentApi, SweepPath, no_sweep
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value, metric_values, objective_value
from litsweep.sweep.run import ENDED_BY_SEARCH, Run

PAGE = 500

Curves = Sequence[Sequence[float]]
"""The logged values of each metric of the sweep."""


@dataclass
class SweepWatch:
    """Reads one sweep repeatedly: the history of an ended run once, its summary each time."""

    path: str
    _ended: dict[str, Curves] = field(default_factory=dict)
    _stopped_early: dict[str, bool] = field(default_factory=dict)

    def read(self) -> SweepStatus:
        """Return the present status. Raises LitsweepError if the sweep or its server is not found."""
        try:
            with client_errors(f"cannot read sweep {self.path}"):
                return self._read(wandb.Api())
        except (LitsweepError, ValueError) as error:
            if is_missing_sweep(error):
                raise no_sweep(self.path) from None
            raise

    def _read(self, api: "wandb.Api") -> SweepStatus:
        sweep = api.sweep(self.path)  # type: ignore[no-untyped-call]  # wandb
        config = parse_sweep(sweep.config)
        home = f"{sweep.entity}/{sweep.project}"
        found = list(api.runs(home, filters={"sweep": sweep.id}, per_page=PAGE, lazy=False))
        self._note_stopped({run.id: run.state for run in found if run.state in ENDED_BY_SEARCH}, sweep)
        runs = tuple(self._status(run, config) for run in found)
        # `sweep.path` is quoted, and `sweep.url` has "+" for a space, which means a plus in a URL's path.
        return SweepStatus(f"{home}/{sweep.id}", sweep.url.replace("+", "%20"), sweep.state, config, runs)

    def _note_stopped(self, states: Mapping[str, str], sweep: Any) -> None:
        """Ask the server which of these runs the search ended. The client's public API lacks this."""
        if self._stopped_early.keys() >= states.keys() and RunState.PREEMPTED not in states.values():
            return
        known = credentials()
        path = SweepPath(sweep.entity, sweep.project, sweep.id)
        stopped = AgentApi(known["WANDB_BASE_URL"], known["WANDB_API_KEY"], path).stopped()
        self._stopped_early = {run: run in stopped for run in states}

    def _status(self, run: Any, config: SweepConfig) -> RunStatus:
        state = RunState(run.state)
        summary = dict(run.summary_metrics)
        logged = list(zip(self._curves(run, state, config.metrics), config.metrics, strict=True))
        bests = {metric.name: objective_value(values, summary, metric) for values, metric in logged}
        objectives = {name: best for name, best in bests.items() if best is not None}
        flat = config.flatten(run.config)
        return RunStatus(
            id=run.id,
            name=run.name,
            url=run.url,
            state=state,
            parameters={p.name: flat[p.name] for p in config.space.parameters if p.name in flat},
            summary=summary,
            best=objectives.get(config.metric.name) if config.metric else None,
            last=last_value(logged[0][0], summary, logged[0][1].name) if logged else None,
            objectives=objectives,
            stopped_early=state in ENDED_BY_SEARCH and self._stopped_early[run.id],
            created_at=_seconds(run.created_at),
            heartbeat_at=_seconds(run.heartbeat_at),
        )

    def _curves(self, run: Any, state: RunState, metrics: Sequence[Metric]) -> Curves:
        if state.is_alive:
            self._ended.pop(run.id, None)
            return [_curve(run, metric) for metric in metrics]
        if run.id not in self._ended:
            self._ended[run.id] = [_curve(run, metric) for metric in metrics]
        return self._ended[run.id]


def _seconds(time: str | None) -> float | None:
    """Return an ISO time in UTC as seconds since 1970."""
    return datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() if time else None


def _curve(run: Any, metric: Metric) -> list[float]:
    """Return the values that matter: the extremes and the last one.

    The client is asked for one metric at a time. For several, it would omit rows that lack any of them.
    """
    rows = list(run.scan_history(keys=[metric.name]))
    values = metric_values(Run(run.id, {}, history=rows), metric.name)
    return [min(values), max(values), values[-1]] if values else []
