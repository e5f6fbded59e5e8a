"""Collections of artifacts: their versions, and the aliases that point at them."""

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from litsweep.errors import LitsweepError
from litsweep.server.store.artifact_tables import aliases, collections, memberships

LATEST = "latest"
_VERSION = re.compile(r"v(\d{1,9})")


@dataclass(frozen=True)
class CollectionRecord:
    """A row of `artifact_collections`. `tags` is a JSON list."""

    id: int
    project_id: int
    name: str
    type: str
    is_portfolio: bool
    description: str | None
    tags: str
    next_version: int
    created_at: float
    updated_at: float
    state: str = "READY"

    @property
    def tag_names(self) -> list[str]:
        names: list[str] = json.loads(self.tags)
        return names


@dataclass(frozen=True)
class MembershipRecord:
    """An artifact's place in a collection."""

    id: int
    collection_id: int
    artifact_id: int
    version_index: int
    created_at: float


@dataclass(frozen=True)
class AliasRecord:
    """A name for one version in a collection."""

    id: int
    collection_id: int
    alias: str
    membership_id: int


def obtain(
    connection: Connection, project_id: int, name: str, type: str, is_portfolio: bool = False
) -> CollectionRecord:
    """The collection of this name, made if there is none yet.

    Raises:
        LitsweepError: there is one, but of another kind or for artifacts of another type.
    """
    known = find(connection, project_id, name)
    if known is None:
        values = {"project_id": project_id, "name": name, "type": type, "is_portfolio": is_portfolio}
        now = time.time()
        connection.execute(collections.insert().values(**values, created_at=now, updated_at=now))
        return _collections(connection, collections.c.project_id == project_id, collections.c.name == name)[0]
    if known.is_portfolio != is_portfolio:
        kind = "only links to artifacts" if known.is_portfolio else "artifacts that were logged to it"
        raise LitsweepError(f"artifact collection {name!r} holds {kind}; use another name")
    if known.type != type:
        raise LitsweepError(
            f"artifact collection {name!r} holds artifacts of type {known.type!r}, not {type!r}; "
            f"use another name, or type={known.type!r}"
        )
    return known


def find(connection: Connection, project_id: int, name: str) -> CollectionRecord | None:
    found = _collections(connection, collections.c.project_id == project_id, collections.c.name == name)
    return found[0] if found else None


def get(connection: Connection, collection_id: int) -> CollectionRecord | None:
    found = _collections(connection, collections.c.id == collection_id)
    return found[0] if found else None


def of_project(
    connection: Connection, project_id: int, type: str | None = None
) -> Sequence[CollectionRecord]:
    """The collections of a project (of one type), newest first."""
    conditions = [collections.c.project_id == project_id]
    if type is not None:
        conditions.append(collections.c.type == type)
    return _collections(connection, *conditions)


def _collections(connection: Connection, *conditions: ColumnElement[bool]) -> list[CollectionRecord]:
    rows = connection.execute(select(collections).where(*conditions).order_by(collections.c.id.desc()))
    return [CollectionRecord(**row._mapping) for row in rows]


def types_of_project(connection: Connection, project_id: int) -> Sequence[tuple[str, float]]:
    """The types of a project's collections by name, each with the time of its first collection."""
    query = select(collections.c.type, func.min(collections.c.created_at))
    query = query.where(collections.c.project_id == project_id).group_by(collections.c.type)
    return [(name, created_at) for name, created_at in connection.execute(query.order_by(collections.c.type))]


def change(connection: Connection, collection_id: int, **values: object) -> None:
    wanted = collections.update().where(collections.c.id == collection_id)
    connection.execute(wanted.values(**values, updated_at=time.time()))


def delete(connection: Connection, collection_id: int) -> None:
    """Delete the collection with its versions; of a portfolio only the links go."""
    connection.execute(collections.delete().where(collections.c.id == collection_id))


def version(connection: Connection, collection_id: int, alias: str) -> MembershipRecord | None:
    """The version that `alias`, or a number such as `v3`, names."""
    query = select(memberships).where(memberships.c.collection_id == collection_id)
    if numbered := _VERSION.fullmatch(alias):
        query = query.where(memberships.c.version_index == int(numbered[1]))
    else:
        query = query.join(aliases).where(aliases.c.alias == alias)
    row = connection.execute(query).one_or_none()
    return MembershipRecord(**row._mapping) if row else None


def version_by_name(connection: Connection, project_id: int, name: str) -> MembershipRecord | None:
    """The version called `collection:alias` in a project; `collection` alone means the latest."""
    collection_name, _, alias = name.partition(":")
    collection = find(connection, project_id, collection_name)
    return version(connection, collection.id, alias or LATEST) if collection else None


def versions(connection: Connection, collection_id: int) -> Sequence[MembershipRecord]:
    """The newest first."""
    return _memberships(connection, memberships.c.collection_id == collection_id)


def memberships_of(connection: Connection, artifact_id: int) -> Sequence[MembershipRecord]:
    """The artifact's places in all collections."""
    return _memberships(connection, memberships.c.artifact_id == artifact_id)


def _memberships(connection: Connection, *conditions: ColumnElement[bool]) -> list[MembershipRecord]:
    query = select(memberships).where(*conditions).order_by(memberships.c.version_index.desc())
    return [MembershipRecord(**row._mapping) for row in connection.execute(query)]


def add_version(connection: Connection, collection_id: int, artifact_id: int) -> MembershipRecord:
    """Make the artifact the newest version of the collection; nothing changes if it is a version already."""
    wanted = (memberships.c.collection_id == collection_id, memberships.c.artifact_id == artifact_id)
    if known := _memberships(connection, *wanted):
        return known[0]
    collection = _collections(connection, collections.c.id == collection_id)[0]
    values = {"collection_id": collection_id, "artifact_id": artifact_id, "created_at": time.time()}
    connection.execute(memberships.insert().values(**values, version_index=collection.next_version))
    change(connection, collection_id, next_version=collection.next_version + 1)
    added = _memberships(connection, *wanted)[0]
    point(connection, added, [LATEST])
    return added


def remove_version(connection: Connection, gone: MembershipRecord) -> None:
    """Take a version out of its collection; `latest` falls back to the newest one left."""
    connection.execute(memberships.delete().where(memberships.c.id == gone.id))
    left = versions(connection, gone.collection_id)
    if left and version(connection, gone.collection_id, LATEST) is None:
        point(connection, left[0], [LATEST])


def point(connection: Connection, target: MembershipRecord, names: Iterable[str]) -> None:
    """Let these aliases name a version, and no longer another one of its collection."""
    wanted = [name for name in names if not _VERSION.fullmatch(name)]
    unpoint(connection, target.collection_id, wanted)
    for name in wanted:
        values = {"collection_id": target.collection_id, "alias": name, "membership_id": target.id}
        connection.execute(aliases.insert().values(values))


def unpoint(connection: Connection, collection_id: int, names: Sequence[str]) -> None:
    wanted = (aliases.c.collection_id == collection_id, aliases.c.alias.in_(names))
    connection.execute(aliases.delete().where(*wanted))


def aliases_of(connection: Connection, target: MembershipRecord) -> Sequence[AliasRecord]:
    return _aliases(connection, aliases.c.membership_id == target.id)


def aliases_in(connection: Connection, collection_id: int) -> Sequence[AliasRecord]:
    return _aliases(connection, aliases.c.collection_id == collection_id)


def aliases_of_artifact(connection: Connection, artifact_id: int) -> Sequence[AliasRecord]:
    """Its aliases in all collections."""
    places = select(memberships.c.id).where(memberships.c.artifact_id == artifact_id)
    return _aliases(connection, aliases.c.membership_id.in_(places))


def _aliases(connection: Connection, *conditions: ColumnElement[bool]) -> list[AliasRecord]:
    rows = connection.execute(select(aliases).where(*conditions).order_by(aliases.c.id))
    return [AliasRecord(**row._mapping) for row in rows]
