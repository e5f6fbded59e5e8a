"""Table rows of runs: state, times, config, summary and metric names."""

import json
import re
from collections.abc import Iterable
from typing import Any

from litsweep.errors import shortened
from litsweep.figures.figure import rounded
from litsweep.figures.run_results import own_values
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import words
from litsweep.sweep.values import is_finite

_PROGRESS_METRIC = re.compile(r"epoch|step|(.*/)?global_step|lr\b.*")


def head(run: RunRecord) -> dict[str, Any]:
    """Return the fields that every table of runs shows."""
    return {
        "name": run.name,
        "title": run.display_name,
        "state": run.word,
        "created": run.created_at,
        "started": run.started_at,
        "ended": None if run.is_alive else run.ended_at or run.heartbeat_at,
    }


def metric_row(metric: Metric) -> dict[str, Any]:
    """Return the name, the goal and the target of a metric."""
    return {"name": metric.name, "goal": metric.goal, "target": metric.target}


def by_interest(names: Iterable[str], metric: str | None = None) -> list[str]:
    """Return sorted metric names: the sweep's metric first, and epochs, steps and learning rates last."""

    def key(name: str) -> tuple[int, str, str]:
        place = 0 if name == metric else 2 if _PROGRESS_METRIC.fullmatch(name) else 1
        return place, name.casefold(), name

    return sorted(names, key=key)


def config(run: RunRecord) -> dict[str, Any]:
    """Return the config by dotted name, except the entries that the client adds itself."""
    return dict(own_values(run.config_values))


def shown_value(value: object) -> object:
    """Return a parameter value as a page shows it: a rounded number, a boolean, None or a text."""
    if isinstance(value, bool | str) or value is None:
        return value
    if not isinstance(value, int | float):
        return json.dumps(value, default=str)
    if isinstance(value, int) and not is_finite(value):
        return shortened(value)
    return rounded(float(value))


def failure(run: RunRecord) -> str | None:
    """Return the failure of a run in words, or None."""
    return words(run.failure) if run.failure else None
