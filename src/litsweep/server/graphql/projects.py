"""Projects."""

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from litsweep.server.graphql.context import Info
from litsweep.server.graphql.pages import page
from litsweep.server.store import projects
from litsweep.server.store.projects import Project

DEFAULT_PROJECT = "uncategorized"

query = QueryType()
mutation = MutationType()
project = ObjectType("Project")


@query.field("project")
@query.field("model")
def resolve_project(
    _: object, info: Info, *, name: str | None = None, entity_name: str | None = None
) -> Project | None:
    settings = info.context.backend.settings
    with info.context.backend.database.read() as connection:
        return projects.find(connection, entity_name or settings.default_entity, name or DEFAULT_PROJECT)


@query.field("models")
def resolve_projects(
    _: object,
    info: Info,
    *,
    entity_name: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    backend = info.context.backend
    with backend.database.read() as connection:
        return page(
            projects.of_entity(connection, entity_name or backend.settings.default_entity), first, after
        )


@mutation.field("upsertModel")
def upsert_project(_: object, info: Info, *, input: dict[str, Any]) -> dict[str, Any]:
    backend = info.context.backend
    entity = input.get("entity_name") or backend.settings.default_entity
    name = input.get("name") or DEFAULT_PROJECT
    with backend.database.write() as connection:
        inserted = projects.find(connection, entity, name) is None
        made = projects.ensure(connection, entity, name)
        if input.get("description") is not None:
            projects.describe(connection, made.id, input["description"])
        made = projects.get(connection, made.id)
    return {"project": made, "model": made, "inserted": inserted}


@project.field("internalId")
def resolve_internal_id(parent: Project, _: Info) -> str:
    return str(parent.id)


@project.field("entityName")
def resolve_entity_name(parent: Project, _: Info) -> str:
    return parent.entity


@project.field("entity")
def resolve_entity(parent: Project, _: Info) -> dict[str, str]:
    return {"id": parent.entity, "name": parent.entity}


@project.field("readOnly")
@project.field("isBenchmark")
def resolve_false(_parent: Project, _: Info) -> bool:
    return False


@project.field("access")
def resolve_access(_parent: Project, _: Info) -> str:
    return "PRIVATE"


bindables = [query, mutation, project]
