"""Collections of artifacts: their versions, and the aliases of the versions."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from litsweep.errors import LitsweepError
from litsweep.server import clock
from litsweep.server.artifacts.tables import (
    AliasRecord,
    CollectionRecord,
    MembershipRecord,
    aliases,
    collections,
    memberships,
)
from litsweep.server.errors import RequestError
from litsweep.server.store.tables import read_all, read_one

LATEST = "latest"
_VERSION = re.compile(r"v(\d{1,9})")


def ensure(
    connection: Connection, project_id: int, name: str, type: str, is_portfolio: bool = False
) -> CollectionRecord:
    """Return the collection with this name. Create it if it does not exist.

    Raises:
        LitsweepError: the collection exists, but differs in `is_portfolio` or `type`.
    """
    known = find(connection, project_id, checked_name(name))
    if known is None:
        values = {"project_id": project_id, "name": name, "type": type, "is_portfolio": is_portfolio}
        now = clock.now()
        new = collections.insert().values(**values, created_at=now, updated_at=now).returning(collections)
        return read_all(connection, new, CollectionRecord)[0]
    if known.is_portfolio != is_portfolio:
        kind = "only links to artifacts" if known.is_portfolio else "artifacts that were logged to it"
        raise LitsweepError(f"artifact collection {name!r} holds {kind}; use another name")
    if known.type != type:
        raise LitsweepError(
            f"artifact collection {name!r} holds artifacts of type {known.type!r}, not {type!r}; "
            f"use another name, or type={known.type!r}"
        )
    return known


def checked_name(name: str) -> str:
    """Return the name of a collection."""
    if not name.strip():
        raise RequestError("the name of an artifact collection must not be empty")
    return name


def find(connection: Connection, project_id: int, name: str) -> CollectionRecord | None:
    """Return the collection with this name, or None."""
    query = select(collections).where(collections.c.project_id == project_id, collections.c.name == name)
    return read_one(connection, query, CollectionRecord)


def get(connection: Connection, collection_id: int) -> CollectionRecord | None:
    """Return the collection with this id, or None."""
    query = select(collections).where(collections.c.id == collection_id)
    return read_one(connection, query, CollectionRecord)


def of_project(connection: Connection, project_id: int) -> Sequence[CollectionRecord]:
    """Return the collections of a project, newest first."""
    return _collections(connection, collections.c.project_id == project_id)


def of_type(connection: Connection, project_id: int, type: str) -> Sequence[CollectionRecord]:
    """Return the collections of a project with this type, newest first."""
    return _collections(connection, collections.c.project_id == project_id, collections.c.type == type)


def _collections(connection: Connection, *conditions: ColumnElement[bool]) -> list[CollectionRecord]:
    query = select(collections).where(*conditions).order_by(collections.c.id.desc())
    return read_all(connection, query, CollectionRecord)


def types_of_project(connection: Connection, project_id: int) -> Sequence[tuple[str, float]]:
    """Return the types of a project's collections by name, each with the time of its first collection."""
    query = select(collections.c.type, func.min(collections.c.created_at))
    query = query.where(collections.c.project_id == project_id).group_by(collections.c.type)
    return [(name, created_at) for name, created_at in connection.execute(query.order_by(collections.c.type))]


def change(connection: Connection, collection_id: int, **values: object) -> None:
    """Set columns of a collection."""
    wanted = collections.update().where(collections.c.id == collection_id)
    connection.execute(wanted.values(**values, updated_at=clock.now()))


def delete(connection: Connection, collection_id: int) -> None:
    """Delete the collection with its versions. Artifacts that are only linked to it stay."""
    connection.execute(collections.delete().where(collections.c.id == collection_id))


def version(connection: Connection, collection_id: int, alias: str) -> MembershipRecord | None:
    """Return the version that has this alias or number, such as `v3`."""
    query = select(memberships).where(memberships.c.collection_id == collection_id)
    if numbered := _VERSION.fullmatch(alias):
        query = query.where(memberships.c.version_index == int(numbered[1]))
    else:
        query = query.join(aliases).where(aliases.c.alias == alias)
    return read_one(connection, query, MembershipRecord)


def version_by_name(connection: Connection, project_id: int, name: str) -> MembershipRecord | None:
    """Return the version called `collection:alias` in a project. Without an alias, return the latest."""
    collection_name, _, alias = name.partition(":")
    collection = find(connection, project_id, collection_name)
    return version(connection, collection.id, alias or LATEST) if collection else None


def versions(connection: Connection, collection_id: int) -> Sequence[MembershipRecord]:
    """Return the versions in a collection, newest first."""
    return _memberships(connection, memberships.c.collection_id == collection_id)


def memberships_of(connection: Connection, artifact_id: int) -> Sequence[MembershipRecord]:
    """Return the artifact's places in all collections."""
    return _memberships(connection, memberships.c.artifact_id == artifact_id)


def _memberships(connection: Connection, *conditions: ColumnElement[bool]) -> list[MembershipRecord]:
    query = select(memberships).where(*conditions).order_by(memberships.c.version_index.desc())
    return read_all(connection, query, MembershipRecord)


def add_version(connection: Connection, collection_id: int, artifact_id: int) -> MembershipRecord:
    """Return the artifact's version in the collection. If it has none, make it the newest version."""
    wanted = (memberships.c.collection_id == collection_id, memberships.c.artifact_id == artifact_id)
    if known := _memberships(connection, *wanted):
        return known[0]
    collection = _collections(connection, collections.c.id == collection_id)[0]
    values = {"collection_id": collection_id, "artifact_id": artifact_id, "created_at": clock.now()}
    new = memberships.insert().values(**values, version_index=collection.next_version).returning(memberships)
    added = read_all(connection, new, MembershipRecord)[0]
    change(connection, collection_id, next_version=collection.next_version + 1)
    set_aliases(connection, added, [LATEST])
    return added


def remove_version(connection: Connection, removed: MembershipRecord) -> None:
    """Remove a version from its collection. The newest version left becomes `latest`."""
    connection.execute(memberships.delete().where(memberships.c.id == removed.id))
    left = versions(connection, removed.collection_id)
    if left and version(connection, removed.collection_id, LATEST) is None:
        set_aliases(connection, left[0], [LATEST])


def set_aliases(connection: Connection, target: MembershipRecord, names: Iterable[str]) -> None:
    """Give aliases to a version. Another version of its collection loses them."""
    wanted = [name for name in dict.fromkeys(names) if not _VERSION.fullmatch(name)]
    delete_aliases(connection, target.collection_id, wanted)
    for name in wanted:
        values = {"collection_id": target.collection_id, "alias": name, "membership_id": target.id}
        connection.execute(aliases.insert().values(values))


def delete_aliases(connection: Connection, collection_id: int, names: Sequence[str]) -> None:
    """Delete aliases of a collection's versions."""
    wanted = (aliases.c.collection_id == collection_id, aliases.c.alias.in_(names))
    connection.execute(aliases.delete().where(*wanted))


def aliases_of_membership(connection: Connection, membership_id: int) -> Sequence[AliasRecord]:
    """Return the aliases of a version in its collection."""
    return _aliases(connection, aliases.c.membership_id == membership_id)


def aliases_of_collection(connection: Connection, collection_id: int) -> Sequence[AliasRecord]:
    """Return the aliases of a collection's versions."""
    return _aliases(connection, aliases.c.collection_id == collection_id)


def aliases_of_artifact(connection: Connection, artifact_id: int) -> Sequence[AliasRecord]:
    """Return the artifact's aliases in all collections."""
    places = select(memberships.c.id).where(memberships.c.artifact_id == artifact_id)
    return _aliases(connection, aliases.c.membership_id.in_(places))


def _aliases(connection: Connection, *conditions: ColumnElement[bool]) -> list[AliasRecord]:
    return read_all(connection, select(aliases).where(*conditions).order_by(aliases.c.id), AliasRecord)
