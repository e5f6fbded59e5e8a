"""The versions of a sweep's config as text: when each came, by whom, its runs, and what it changed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from sqlalchemy import Connection

from litsweep.errors import count
from litsweep.server.store import sweep_versions, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweep_versions import VersionRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed_or_none
from litsweep.sweep.config_change import differences

MOST_SHOWN = 100


def versions_text(connection: Connection, sweep: SweepRecord) -> str:
    """Return the newest versions of a sweep's config, newest first; empty if the config never changed."""
    if sweep.version == 1:
        return ""
    found = sweep_versions.of_sweep(connection, sweep.id)
    numbers = sweep_versions.count_runs(connection, sweep.id)
    first = [_part(found[0], numbers, ())] if len(found) < MOST_SHOWN else []
    later = [_part(new, numbers, _changes(old, new)) for old, new in pairwise(found[-MOST_SHOWN:])]
    return "\n\n".join([*first, *later][::-1])


def _part(version: VersionRecord, numbers: Mapping[int, int], changes: Iterable[str]) -> str:
    when = datetime.fromtimestamp(version.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    by = f", by {version.actor}" if version.actor else ""
    head = f"Version {version.number}, {when}{by}: {count(numbers.get(version.number, 0), 'run')}"
    return "\n".join([head, *(f"  {change}" for change in changes)])


def _changes(old: VersionRecord, new: VersionRecord) -> Iterator[str]:
    before, after = parsed_or_none(old.config), parsed_or_none(new.config)
    if before and after:
        yield from differences(before, after)
    else:
        yield "the whole config: this version of litsweep cannot read both"


def version_of_run(connection: Connection, run: RunRecord) -> list[tuple[str, str]]:
    """Return which version of its sweep's config a run came from, as a label and a value.

    The list is empty for a run without a sweep and if the config never changed.
    """
    sweep = sweeps.get(connection, run.sweep_id) if run.sweep_id else None
    if sweep is None or sweep.version == 1:
        return []
    return [("sweep config", f"version {run.sweep_version or 1} of {sweep.version}")]
