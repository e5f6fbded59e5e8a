"""What the page of a run shows."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from litsweep.server.dashboard.curves import finite, points, rounded
from litsweep.server.dashboard.rows import brief, config, head, is_metric, reason, summary_numbers
from litsweep.server.dashboard.sweep_view import parsed
from litsweep.server.files import media_type
from litsweep.server.store import artifacts, curves, files, lines, sweeps
from litsweep.server.store.curves import Curve
from litsweep.server.store.files import FileRecord
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value
from litsweep.sweep.run import UNREPORTED_WHY, Failure
from litsweep.sweep.summary import Summary, summary_values

MOST_POINTS = 1_000
MOST_FILES = 1_000
TAIL_LINES = 1_000
MOST_LINES = 50_000


def run_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Everything about a run but its curves and its console output."""
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    metric = parsed(sweep.config).metric if sweep else None
    why = reason(run.reason)
    return {
        "run": {
            **head(run),
            "sweep": {"name": sweep.name, "title": sweep.display_name or sweep.name} if sweep else None,
            "notes": run.notes,
            "tags": run.tags,
            "host": run.host,
            "program": run.program,
            "commit": run.commit,
            "exitcode": run.exitcode,
            "failure": UNREPORTED_WHY if run.failure == Failure.UNREPORTED else run.failure,
            "lines": [run.history_lines, run.log_lines],
        },
        "metric": metric.name if metric else None,
        "why": why.details() if why else [],
        "stop": {"by": run.stopped_by, "why": brief(run.stop_reason)} if run.stopped_by else None,
        "swept": sorted(json.loads(run.parameters)) if run.parameters else [],
        "config": config(run),
        "last": {name: rounded(value) for name, value in summary_numbers(run).items()},
        "files": [_file(file) for file in files.page(connection, run.id, limit=MOST_FILES)],
        "artifacts": _artifacts(connection, run),
    }


def _file(file: FileRecord) -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "type": media_type(file.name)}


def _artifacts(connection: Connection, run: RunRecord) -> list[dict[str, Any]]:
    logged = [("output", record) for record in artifacts.outputs_of(connection, run.id)]
    used = [("input", record) for record in artifacts.inputs_of(connection, run.id)]
    return [
        {
            "role": role,
            "name": f"{record.collection}:v{record.version_index}",
            "type": record.type,
            "size": record.size,
            "files": record.file_count,
        }
        for role, record in logged + used
    ]


def history_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """The curves of every metric of a run, with the best value of each where a direction is known.

    The summary counts for the sweep's metrics as it does for the search.
    """
    found: dict[str, Curve] = {}
    curves.extend(connection, run.id, found)
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    metrics = {metric.name: metric for metric in parsed(sweep.config).metrics} if sweep else {}
    shown = {name: curve for name, curve in sorted(found.items()) if is_metric(name)}
    return {
        "curves": {name: points(curve, MOST_POINTS) for name, curve in shown.items()},
        "extremes": {
            name: _extremes(found.get(name, Curve()), run.summary_values, name, metrics.get(name))
            for name in sorted({*shown, *_summarized(run, metrics)})
        },
    }


def _summarized(run: RunRecord, metrics: Iterable[str]) -> list[str]:
    """The metrics that the run's summary has."""
    return [name for name in metrics if summary_values(run.summary_values, name)]


def _extremes(curve: Curve, summary: Summary, name: str, metric: Metric | None) -> dict[str, Any]:
    values = [*finite(curve), *(summary_values(summary, name) if metric else ())]
    low, high = rounded(min(values, default=None)), rounded(max(values, default=None))
    best = None if metric is None else high if metric.is_maximized else low
    last = curve.values[-1] if curve.values else last_value([], summary, name)
    return {"min": low, "max": high, "best": best, "last": rounded(last)}


def system_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """The curves of what the client measured of the machine."""
    found = curves.system_curves(connection, run.id)
    shown = {name: curve for name, curve in sorted(found.items()) if is_metric(name)}
    return {"curves": {name: points(curve, MOST_POINTS) for name, curve in shown.items()}}


def log_view(connection: Connection, run: RunRecord, start: int | None) -> dict[str, Any]:
    """Console output: the last lines, or all from line `start` on."""
    first = max(0, run.log_lines - TAIL_LINES) if start is None else start
    found = lines.read(connection, run.id, lines.LOG, first, MOST_LINES)
    return {"start": first, "lines": [line.body for line in found]}
