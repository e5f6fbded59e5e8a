"""The versions of a sweep's config, kept once the config was changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection, ForeignKey, String, func, select
from sqlalchemy.schema import UniqueConstraint

from litsweep.server import clock
from litsweep.server.store.runs import runs
from litsweep.server.store.sweeps import SweepRecord, sweeps
from litsweep.server.store.tables import Id, read_all, table


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """A row of `sweep_versions`. `actor` is None for the config with which the sweep was created."""

    id: Id
    sweep_id: Annotated[int, ForeignKey(sweeps.c.id, ondelete="CASCADE")]
    number: int
    config: str
    actor: Annotated[str | None, String(64)]
    created_at: float


sweep_versions = table("sweep_versions", VersionRecord, UniqueConstraint("sweep_id", "number"))


def add(connection: Connection, sweep: SweepRecord, config: str, actor: str) -> int:
    """Store the config that follows the sweep's present one, and its first one if that is not stored yet.

    Return the number of the new version.
    """
    if sweep.version == 1:
        _add(connection, sweep, 1, sweep.config, None, sweep.created_at)
    _add(connection, sweep, sweep.version + 1, config, actor, clock.now())
    return sweep.version + 1


def _add(
    connection: Connection, sweep: SweepRecord, number: int, config: str, actor: str | None, time: float
) -> None:
    values = {"sweep_id": sweep.id, "number": number, "config": config, "actor": actor, "created_at": time}
    connection.execute(sweep_versions.insert().values(**values))


def of_sweep(connection: Connection, sweep_id: int) -> Sequence[VersionRecord]:
    """Return the versions of a sweep, oldest first; none for a sweep whose config never changed."""
    wanted = select(sweep_versions).where(sweep_versions.c.sweep_id == sweep_id)
    return read_all(connection, wanted.order_by(sweep_versions.c.number), VersionRecord)


def count_runs(connection: Connection, sweep_id: int) -> Mapping[int, int]:
    """Return the number of runs of each version that has runs."""
    version = runs.c.sweep_version
    counted = select(version, func.count()).where(runs.c.sweep_id == sweep_id).group_by(version)
    numbers = Counter[int]()
    for number, n in connection.execute(counted):
        numbers[number or 1] += n
    return numbers
