"""Data of the run page."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server.artifacts import versions
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.curves import points, rounded
from litsweep.server.files import media_type
from litsweep.server.store import curves, files, lines, sweeps
from litsweep.server.store.curves import Series
from litsweep.server.store.files import FileRecord
from litsweep.server.store.runs import RunRecord
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.contract import UNREPORTED_WHY, Failure
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_value, last_value
from litsweep.sweep.reasons import stored_reason
from litsweep.sweep.summary import Summary, summary_values

MAX_POINTS = 1_000
MAX_FILES = 1_000
MAX_IMAGES_PER_KEY = 8
TAIL_LINES = 1_000
MAX_LINES = 50_000

_IMAGE_FILE = re.compile(r"media/images/(.*)_(\d+)_[0-9a-f]+\.\w+")  # KEY_STEP_HASH.png


def run_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Return everything about a run except its curves and its console output.

    It includes counts of lines, so that the page also loads the curves and the output after each change.
    """
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    metric = parsed(sweep.config).metric if sweep else None
    why, logged = stored_reason(run.reason), rows.config(run)
    swept = sorted(logged.keys() & json.loads(run.parameters)) if run.parameters else []
    stored = files.page(connection, run.id, limit=MAX_FILES)
    return {
        "run": {
            **rows.head(run),
            "sweep": {"name": sweep.name, "title": sweep.display_name or sweep.name} if sweep else None,
            "notes": run.notes,
            "tags": run.tags,
            "host": run.host,
            "program": run.program,
            "commit": run.commit,
            "exitcode": run.exitcode,
            "failure": UNREPORTED_WHY if run.failure == Failure.UNREPORTED else rows.failure(run),
            "is_broken": run.is_broken,
            "lines": [run.history_lines, run.log_lines],
        },
        "metric": metric.name if metric else None,
        "reason": why.details() if why else [],
        "stop": {"by": run.stopped_by, "reason": rows.brief(run.stop_reason)} if run.stopped_by else None,
        "swept": swept,
        "config": {name: logged[name] for name in dict.fromkeys([*swept, *sorted(logged)])},
        "last": {name: rounded(value) for name, value in rows.summary_numbers(run).items()},
        "images": _images(stored),
        "files": [_file(file) for file in stored],
        "artifacts": _artifacts(connection, run),
    }


def _file(file: FileRecord) -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "type": media_type(file.name)}


def _images(stored: Sequence[FileRecord]) -> list[dict[str, Any]]:
    """Return the newest images of each key. The key of an image outside `media/images` is its file name."""
    by_key: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in stored:
        if media_type(file.name).startswith("image/"):
            logged = _IMAGE_FILE.fullmatch(file.name)
            key, step = (logged[1], int(logged[2])) if logged else (file.name, None)
            by_key[key].append({"name": file.name, "step": step})
    for images in by_key.values():
        images.sort(key=lambda image: image["step"] or 0, reverse=True)
    return [{"key": key, "images": images[:MAX_IMAGES_PER_KEY]} for key, images in by_key.items()]


def _artifacts(connection: Connection, run: RunRecord) -> list[dict[str, Any]]:
    logged = [("output", record) for record in versions.outputs_of(connection, run.id)]
    used = [("input", record) for record in versions.inputs_of(connection, run.id)]
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
    """Return the curves of every metric, and the last, lowest, highest and best value of each.

    The values of the sweep's metrics include those in the summary, as in the search.
    """
    found: dict[str, Series] = {}
    curves.extend(connection, run.id, found)
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    metrics = {metric.name: metric for metric in parsed(sweep.config).metrics} if sweep else {}
    first = next(iter(metrics), None)
    logged = [name for name in found if rows.is_metric(name)]
    summarized = [name for name in metrics if summary_values(run.summary_values, name)]
    summary, last = run.summary_values, rows.summary_numbers(run)
    return {
        "curves": {name: points(found[name], MAX_POINTS) for name in rows.by_interest(logged, first)},
        "summary": {
            name: _summary(found.get(name, Series()), summary, name, metrics.get(name), last.get(name))
            for name in rows.by_interest({*logged, *summarized, *last}, first)
        },
    }


def _summary(
    curve: Series, summary: Summary, name: str, metric: Metric | None, last: float | None
) -> dict[str, float | None]:
    values = [*curve.finite, *(summary_values(summary, name) if metric else ())]
    if last is None:
        last = curve.values[-1] if curve.values else last_value([], summary, name)
    return {
        "min": rounded(min(values, default=None)),
        "max": rounded(max(values, default=None)),
        "best": rounded(best_value(values, metric)) if metric else None,
        "last": rounded(last),
    }


def system_view(connection: Connection, run: RunRecord) -> dict[str, Any]:
    """Return the curves of the system metrics."""
    found = curves.system_curves(connection, run.id)
    names = rows.by_interest(name for name in found if rows.is_metric(name))
    return {"curves": {name: points(found[name], MAX_POINTS) for name in names}}


def log_view(connection: Connection, run: RunRecord, start: int | None) -> dict[str, Any]:
    """Return the last lines of the console output, or all lines from `start` on."""
    first = max(0, run.log_lines - TAIL_LINES) if start is None else start
    found = lines.read(connection, run.id, lines.LOG, first, MAX_LINES)
    return {"start": first, "lines": [line.body for line in found]}
