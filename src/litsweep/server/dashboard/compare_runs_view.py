"""Data of the page that compares runs."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from litsweep.figures.compare_runs import compared_curves
from litsweep.figures.figure import Figure
from litsweep.figures.run_results import is_own, numbers
from litsweep.figures.sweep_data import Curve
from litsweep.server.artifacts import contents, versions
from litsweep.server.blobs import BlobStore
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.run_view import first_metric
from litsweep.server.dashboard.stored_files import IMAGE_FILE
from litsweep.server.errors import RequestError
from litsweep.server.store import curves, files, runs
from litsweep.server.store.projects import Project
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.values import identity

MAX_COMPARED = 20
MAX_FILES = 300
MAX_DIFF_LINES, MAX_DIFF_BYTES = 400, 200_000
_CODE = ("requirements.txt", "conda-environment.yaml", "diff.patch", "code/%")


@dataclass(frozen=True)
class CodeFile:
    """A file with code or requirements. Equal files have the same digest."""

    digest: str
    blob: str


def names_in(query: Mapping[str, str], key: str) -> list[str]:
    """Return the names of a list in an address. Raise RequestError if there are none or too many."""
    names = list(dict.fromkeys(filter(None, query.get(key, "").split(","))))
    if not 1 <= len(names) <= MAX_COMPARED:
        raise RequestError(f"{key}: must be 1 to {MAX_COMPARED} names with commas between, got {len(names)}")
    return names


def chosen_runs(connection: Connection, project: Project, query: Mapping[str, str]) -> list[RunRecord]:
    """Return the runs that an address names. Raise RequestError for a run that does not exist."""
    found = {name: runs.find(connection, project.id, name) for name in names_in(query, "runs")}
    if missing := [name for name, run in found.items() if run is None]:
        raise RequestError(f"runs: {project.name} has no run {missing[0]!r:.80}", 404)
    return [run for run in found.values() if run is not None]


def runs_view(connection: Connection, chosen: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the heads of the runs, and tables with a row for each fact and a column for each run."""
    code = [code_files(connection, run) for run in chosen]
    digests = [{name: file.digest for name, file in own.items()} for own in code]
    first = next(filter(None, (first_metric(connection, run) for run in chosen)), None)
    return {
        "runs": [{**rows.head(run), "sweep": run.sweep_name} for run in chosen],
        "tables": [
            {"title": "Config", "rows": compared([rows.config(run) for run in chosen])},
            {"title": "Metrics", "rows": compared([numbers(run.summary_values) for run in chosen])},
        ],
        "code": [{**row, "values": _groups(row["values"])} for row in compared(digests)],
        "charts": [
            {"name": name, "title": name, "missing": None, "options": []} for name in _metrics(chosen, first)
        ],
        "images": _images(connection, chosen),
    }


def compared(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each key: its values, and whether they differ. Rows that differ come first."""
    keys = sorted({key for own in values for key in own})
    found = [_row(key, [own.get(key) for own in values]) for key in keys]
    return sorted(found, key=lambda row: not row["differs"])


def _row(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {"name": name, "values": values, "differs": len(set(map(identity, values))) > 1}


def _groups(digests: Sequence[str | None]) -> list[str | None]:
    """Return a letter for each different file: A, A, B."""
    different = list(dict.fromkeys(digest for digest in digests if digest is not None))
    return [None if digest is None else chr(ord("A") + different.index(digest)) for digest in digests]


def _metrics(chosen: Sequence[RunRecord], metric: str | None) -> list[str]:
    """Return the metrics that two of the runs have logged, or the only run. `metric` comes first."""
    keys = [json.loads(run.history_keys) for run in chosen]
    logged = [name for own in keys for name, known in own.items() if "number" in known["types"]]
    enough = min(2, len(chosen))
    found = {name for name in logged if is_own(name) and logged.count(name) >= enough}
    return rows.by_interest(found, metric)


def _images(connection: Connection, chosen: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Return the newest image of each run by key."""
    own = [_newest_images(connection, run) for run in chosen]
    keys = sorted({key for found in own for key in found})
    return [{"key": key, "images": [found.get(key) for found in own]} for key in keys]


def _newest_images(connection: Connection, run: RunRecord) -> dict[str, dict[str, Any]]:
    stored = files.page(connection, run.id, pattern="media/images/%", limit=MAX_FILES)
    logged = [(found, file) for file in stored if (found := IMAGE_FILE.fullmatch(file.name))]
    by_step = sorted(logged, key=lambda pair: int(pair[0][2]))
    return {found[1]: {"name": file.name, "step": int(found[2])} for found, file in by_step}


def code_files(connection: Connection, run: RunRecord) -> dict[str, CodeFile]:
    """Return the files with code and requirements: of the run, and of its code artifacts."""
    own = [file for each in _CODE for file in files.page(connection, run.id, pattern=each, limit=MAX_FILES)]
    logged = [
        file
        for record in versions.outputs_of(connection, run.id)
        if record.type == "code"
        for file in contents.page(connection, record.id, [], None, MAX_FILES)
    ]
    found = {file.name: CodeFile(file.md5, file.blob) for file in own}
    return found | {file.name: CodeFile(file.digest, file.blob) for file in logged if file.blob}


def differences(
    connection: Connection, store: BlobStore, chosen: Sequence[RunRecord], name: str
) -> dict[str, Any]:
    """Return a unified diff of a file of each run against that of the first run which has it."""
    having = [(run, found) for run in chosen if (found := code_files(connection, run).get(name))]
    if not having:
        raise RequestError(f"file: no chosen run has {name!r:.80}", 404)
    (first, base), *others = having
    before = _lines(store, base.blob)
    lines: list[str] = []
    for run, file in others:
        if file.digest != base.digest:
            after = _lines(store, file.blob)
            titles = (first.display_name, run.display_name)
            lines += difflib.unified_diff(before, after, *titles, lineterm="")
    return {"name": name, "lines": lines[:MAX_DIFF_LINES], "more": max(0, len(lines) - MAX_DIFF_LINES)}


def _lines(store: BlobStore, blob: str) -> list[str]:
    with store.path(blob).open("rb") as file:
        return file.read(MAX_DIFF_BYTES).decode(errors="replace").splitlines()


def curves_figure(connection: Connection, chosen: Sequence[RunRecord], metric: str) -> Figure:
    """Return the curves of a metric of the runs in one chart."""
    found = []
    for run in chosen:
        series = curves.read(connection, run.id, metric)
        found.append((run.name, run.display_name, Curve(series.steps, series.values)))
    return compared_curves(metric, found)
