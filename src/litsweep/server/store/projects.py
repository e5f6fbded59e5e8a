"""Projects, each named by an entity and a name. Their first use creates them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection, String, UniqueConstraint, select

from litsweep.server import clock
from litsweep.server.store.tables import Id, read_all, read_one, table


@dataclass(frozen=True, kw_only=True)
class Project:
    """A row of `projects`."""

    id: Id
    entity: Annotated[str, String(128)]
    name: Annotated[str, String(128)]
    description: str | None
    created_at: float


projects = table("projects", Project, UniqueConstraint("entity", "name"))


def find(connection: Connection, entity: str, name: str) -> Project | None:
    """Return the project with this name, or None."""
    wanted = select(projects).where(projects.c.entity == entity, projects.c.name == name)
    return read_one(connection, wanted, Project)


def get(connection: Connection, project_id: int) -> Project | None:
    """Return the project with this id, or None."""
    return read_one(connection, select(projects).where(projects.c.id == project_id), Project)


def one(connection: Connection, project_id: int) -> Project:
    """Return the project with this id, which must exist."""
    return read_all(connection, select(projects).where(projects.c.id == project_id), Project)[0]


def ensure(connection: Connection, entity: str, name: str) -> Project:
    """Return the project. Create it if it does not exist."""
    known = find(connection, entity, name)
    if known is not None:
        return known
    new = projects.insert().values(entity=entity, name=name, created_at=clock.now())
    return read_all(connection, new.returning(projects), Project)[0]


def of_entity(connection: Connection, entity: str) -> Sequence[Project]:
    """Return the projects of an entity, oldest first."""
    wanted = select(projects).where(projects.c.entity == entity).order_by(projects.c.id)
    return read_all(connection, wanted, Project)


def entities(connection: Connection) -> Sequence[str]:
    """Return the name of every entity that has a project, sorted."""
    return list(connection.scalars(select(projects.c.entity).distinct().order_by(projects.c.entity)))


def delete(connection: Connection, project_id: int) -> None:
    """Delete a project with its sweeps, runs and artifact collections."""
    connection.execute(projects.delete().where(projects.c.id == project_id))


def describe(connection: Connection, project_id: int, description: str) -> None:
    """Set a project's description."""
    connection.execute(projects.update().where(projects.c.id == project_id).values(description=description))
