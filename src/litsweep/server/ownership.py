"""Decides which process may report a run that several agents have had.

The first process that starts the run after its dispatch owns it. An agent may lose its run to another agent,
for example because its machine had no network, and its program may report later. Clients do not name their
process. But a client starts its run once, never changes a history line that it has sent, and leaves no gap. A
chunk that contradicts this comes from another process.
"""

import json

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server.chunk import Chunk
from litsweep.server.store import lines, streams
from litsweep.server.store.lines import HISTORY
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.streams import StreamStatus
from litsweep.sweep.contract import RunState

SHARED_MODE = 67
"""The number of this feature in W&B's telemetry, which is part of the config."""


def waits_for_restart(run: RunRecord | StreamStatus) -> bool:
    """Return True if one process has left the run and no other process has started it again."""
    return run.state is RunState.PENDING and run.started_at is not None


def check_start(run: RunRecord) -> None:
    """Raise LitsweepError if another process already reports the run. Its client would start over."""
    counts = streams.line_counts(run)
    reported = any(counts[stream] for stream in counts.keys() - streams.stale(run))
    if _is_contested(run) and run.state is RunState.RUNNING and reported:
        raise LitsweepError(
            f"another agent has run {run.name} now, because this agent was silent for too long; "
            "end this process"
        )


def is_foreign(connection: Connection, run: RunRecord, chunk: Chunk) -> bool:
    """Return True if the chunk comes from a process that does not own the run."""
    part = chunk.parts.get(HISTORY)
    if part is None or not _is_contested(run):
        return False
    if run.state is RunState.PENDING:
        # Once the next program runs, it may have counted the lines. Before that, the chunk is only late.
        return run.is_named
    if part.offset > run.history_lines:
        return True
    if HISTORY in streams.stale(run):
        return 0 < part.offset < run.history_lines
    known = lines.read(connection, run.id, HISTORY, part.offset, len(part.lines))
    sent = zip(known, part.lines, strict=False)
    return any(_sorted(line.body) != _sorted(again) for line, again in sent)


def is_shared(run: RunRecord) -> bool:
    """Return True for a run that several processes log to, at once or in turn (`mode="shared"`)."""
    match run.config_values.get("_wandb"):
        case {"t": {"3": [*features]}}:
            return SHARED_MODE in features
    return False


def _is_contested(run: RunRecord) -> bool:
    return run.dispatches > 1 and not is_shared(run)


def _sorted(row: str) -> str:
    return json.dumps(json.loads(row), sort_keys=True)  # as text, because NaN does not equal NaN
