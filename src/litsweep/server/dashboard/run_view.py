"""Data of the run page: the run, its config, its summary and its files."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from sqlalchemy import Connection

from litsweep.figures.figure import rounded
from litsweep.figures.run_results import is_own, numbers
from litsweep.server.blobs import BlobStore
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.rendering import fragment
from litsweep.server.dashboard.run_artifacts import artifacts_view
from litsweep.server.dashboard.run_code import code_files, facts
from litsweep.server.dashboard.run_history import Logged, Points
from litsweep.server.dashboard.run_media import media_list
from litsweep.server.dashboard.stored_files import run_address
from litsweep.server.dashboard.versions_view import version_of_run
from litsweep.server.store import files, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import strict
from litsweep.sweep.contract import UNREPORTED_WHY, Failure
from litsweep.sweep.logged import number
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_value, last_value
from litsweep.sweep.reason import Detail
from litsweep.sweep.reasons import reason_from_json, reason_text, stored_reason
from litsweep.sweep.summary import Summary, entries, summary_values

MAX_FILES = 1_000


def run_view(connection: Connection, run: RunRecord, logged: Logged) -> dict[str, Any]:
    """Return what a run is: its state, config, texts, reason and the names of its media.

    It includes counts of lines, so that the page also loads these after each change.
    """
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    metric = parsed(sweep.config).metric if sweep else None
    config, swept = rows.config(run), _swept(run)
    stored = files.page(connection, run.id, limit=MAX_FILES)
    return {
        "run": {
            **rows.head(run),
            "sweep": {"name": sweep.name, "title": sweep.display_name or sweep.name} if sweep else None,
            "notes": run.notes,
            "tags": json.loads(run.tags),
            "host": run.host,
            "program": run.program,
            "commit": run.commit,
            "exitcode": run.exitcode,
            "failure": UNREPORTED_WHY if run.failure == Failure.UNREPORTED else rows.failure(run),
            "is_broken": run.is_broken,
            "lines": [run.history_lines, run.log_lines, run.event_lines],
        },
        "metric": metric.name if metric else None,
        "reason": [*_reasons(run), *version_of_run(connection, run)],
        "stop": {"by": run.stopped_by, "reason": reason_text(run.stop_reason)} if run.stopped_by else None,
        "swept": swept,
        "config": {name: config[name] for name in dict.fromkeys([*swept, *sorted(config)])},
        "last": {name: rounded(value) for name, value in numbers(run.summary_values).items()},
        "texts": _texts(run),
        "media": media_list(connection, run, logged, stored),
    }


def _reasons(run: RunRecord) -> list[tuple[str, Detail]]:
    """Return the reason of the run's last start, and those of the starts before it was paused."""
    why = stored_reason(run.reason)
    earlier: list[tuple[str, Detail]] = [
        (
            f"start {number}",
            f"{reason_from_json(start['reason']).brief}; {reason_from_json(start['paused']).brief}",
        )
        for number, start in enumerate(json.loads(run.earlier_starts or "[]"), start=1)
    ]
    return [*(why.details() if why else []), *([("before", earlier)] if earlier else [])]


def _texts(run: RunRecord) -> dict[str, Any]:
    """Return the entries of the summary that are neither numbers nor media."""
    return {
        name: value
        for name, value in entries(run.summary_values)
        if number(value) is None and not isinstance(value, Mapping)
    }


def values_text(run: RunRecord, what: str, language: str) -> str:
    """Return the config or the summary of a run as YAML or JSON text, without the client's own entries."""
    found = run.config_values if what == "config" else run.summary_values
    shown = {name: value for name, value in found.items() if is_own(name)}
    if language == "json":
        return json.dumps(strict(shown), indent=2, ensure_ascii=False)
    return yaml.safe_dump(shown, allow_unicode=True)


def parts_view(connection: Connection, run: RunRecord, store: BlobStore) -> dict[str, str]:
    """Return the HTML of a run's code, artifacts and files."""
    stored = files.page(connection, run.id, limit=MAX_FILES)
    shown = [
        {"name": file.name, "size": file.size, "href": run_address(run, "file", file.name), "ref": None}
        for file in stored
    ]
    known, code = facts(connection, store, run), code_files(connection, run, stored)
    return {
        "code": fragment("run/code.html", facts=known, code=code),
        "artifacts": fragment("run/artifacts.html", artifacts=artifacts_view(connection, run)),
        "files": fragment("run/files.html", files=shown, total=files.count(connection, run.id)),
    }


def summary_view(connection: Connection, run: RunRecord, logged: Logged) -> dict[str, Any]:
    """Return the last, lowest, highest and best value of each metric, and the HTML of summary and config.

    The values of the sweep's metrics include those in the summary, as in the search.
    """
    found = logged.numbers
    metrics = {metric.name: metric for metric in sweep_metrics(connection, run)}
    first = next(iter(metrics), None)
    names = [name for name in found if is_own(name)]
    summarized = [name for name in metrics if summary_values(run.summary_values, name)]
    summary, last = run.summary_values, numbers(run.summary_values)
    shown = {
        name: _summary(found.get(name, Points()), summary, name, metrics.get(name), last.get(name))
        for name in rows.by_interest({*names, *summarized, *last}, first)
    }
    html = fragment("run/summary.html", summary=shown, metric=first, texts=_texts(run))
    return {"summary": shown, "html": {"summary": html, "config": _config_html(run)}}


def _config_html(run: RunRecord) -> str:
    config, swept = rows.config(run), _swept(run)
    rest = {name: config[name] for name in sorted(config) if name not in swept}
    return fragment("run/config.html", swept={name: config[name] for name in swept}, rest=rest)


def _swept(run: RunRecord) -> list[str]:
    """Return the sorted names of the config's values that the sweep suggested."""
    return sorted(rows.config(run).keys() & json.loads(run.parameters)) if run.parameters else []


def sweep_metrics(connection: Connection, run: RunRecord) -> Sequence[Metric]:
    """Return the metrics of the run's sweep; none for a run without a sweep."""
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    return parsed(sweep.config).metrics if sweep else ()


def first_metric(connection: Connection, run: RunRecord) -> str | None:
    """Return the name of the first metric of the run's sweep."""
    return next((metric.name for metric in sweep_metrics(connection, run)), None)


def _summary(
    curve: Points, summary: Summary, name: str, metric: Metric | None, last: float | None
) -> dict[str, float | None]:
    values: Sequence[float] = [*curve.finite, *(summary_values(summary, name) if metric else ())]
    if last is None:
        last = curve.values[-1] if curve.values else last_value([], summary, name)
    return {
        "min": rounded(min(values, default=None)),
        "max": rounded(max(values, default=None)),
        "best": rounded(best_value(values, metric)) if metric else None,
        "last": rounded(last),
    }
