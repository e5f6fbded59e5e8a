"""Projects: an entity and a name. Both come into being on first use."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from litsweep.server.store.tables import projects


@dataclass(frozen=True)
class Project:
    """A row of `projects`."""

    id: int
    entity: str
    name: str
    description: str | None
    created_at: float


def find(connection: Connection, entity: str, name: str) -> Project | None:
    wanted = select(projects).where(projects.c.entity == entity, projects.c.name == name)
    row = connection.execute(wanted).one_or_none()
    return Project(**row._mapping) if row else None


def get(connection: Connection, project_id: int) -> Project:
    row = connection.execute(select(projects).where(projects.c.id == project_id)).one()
    return Project(**row._mapping)


def ensure(connection: Connection, entity: str, name: str) -> Project:
    """The project; made if it is not there yet."""
    known = find(connection, entity, name)
    if known is not None:
        return known
    connection.execute(projects.insert().values(entity=entity, name=name, created_at=time.time()))
    made = find(connection, entity, name)
    assert made is not None
    return made


def of_entity(connection: Connection, entity: str) -> Sequence[Project]:
    """Oldest first."""
    wanted = select(projects).where(projects.c.entity == entity).order_by(projects.c.id)
    return [Project(**row._mapping) for row in connection.execute(wanted)]


def entities(connection: Connection) -> Sequence[str]:
    """Every entity that has a project, by name."""
    return list(connection.scalars(select(projects.c.entity).distinct().order_by(projects.c.entity)))


def describe(connection: Connection, project_id: int, description: str) -> None:
    connection.execute(projects.update().where(projects.c.id == project_id).values(description=description))
