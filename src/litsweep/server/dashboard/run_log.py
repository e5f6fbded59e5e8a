"""The console output of a run: pages of lines, and search."""

from typing import Any

from sqlalchemy import Connection

from litsweep.server.dashboard.console_lines import plain, shown_lines
from litsweep.server.store import lines
from litsweep.server.store.runs import RunRecord

TAIL_LINES = 1_000
MAX_LINES = 50_000
MAX_MATCHES = 10_000


def log_view(
    connection: Connection, run: RunRecord, start: int | None, stop: int | None = None
) -> dict[str, Any]:
    """Return the last lines of the console output, or the lines from `start` on, before `stop`."""
    first = max(0, run.log_lines - TAIL_LINES) if start is None else start
    most = MAX_LINES if stop is None else max(0, min(MAX_LINES, stop - first))
    found = lines.read(connection, run.id, lines.LOG, first, most)
    return {"start": first, "total": run.log_lines, "lines": shown_lines(line.body for line in found)}


def log_matches(connection: Connection, run: RunRecord, text: str) -> dict[str, Any]:
    """Return the numbers of the lines that contain a text, in any case, and their count."""
    wanted, found, count, start = text.casefold(), list[int](), 0, 0
    while text and (batch := lines.read(connection, run.id, lines.LOG, start, MAX_LINES)):
        matches = [line.number for line in batch if wanted in plain(line.body).casefold()]
        found += matches[: MAX_MATCHES - len(found)]
        count, start = count + len(matches), batch[-1].number + 1
    return {"count": count, "lines": found}
