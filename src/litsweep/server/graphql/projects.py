"""GraphQL: projects."""

from collections.abc import Mapping
from typing import Any, Unpack

from ariadne import MutationType, ObjectType, QueryType

from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import Listing, constant, page
from litsweep.server.store import projects
from litsweep.server.store.projects import Project

query = QueryType()
mutation = MutationType()
project = ObjectType("Project")

project.set_alias("internalId", "id")
project.set_alias("entityName", "entity")
project.set_field("readOnly", constant(False))
project.set_field("isBenchmark", constant(False))
project.set_field("access", constant("PRIVATE"))


@query.field("project")
@query.field("model")
def _project(
    _: object, info: Info, *, name: str | None = None, entity_name: str | None = None
) -> Project | None:
    return projects.find(info.context.connection, *info.context.project_path(entity_name, name))


@query.field("models")
def _projects(
    _: object, info: Info, *, entity_name: str | None = None, **wanted: Unpack[Listing]
) -> dict[str, object]:
    entity = entity_name or info.context.backend.settings.default_entity
    return page(projects.of_entity(info.context.connection, entity), **wanted)


@mutation.field("upsertModel")
def _upsert_project(_: object, info: Info, *, input: Mapping[str, Any]) -> dict[str, object]:
    path = info.context.project_path(input.get("entity_name"), input.get("name"))
    with info.context.write() as connection:
        inserted = projects.find(connection, *path) is None
        made = projects.ensure(connection, *path)
        if input.get("description") is not None:
            projects.describe(connection, made.id, input["description"])
        made = projects.get(connection, made.id)
    return {"project": made, "model": made, "inserted": inserted}


@project.field("entity")
def _entity(parent: Project, _: Info) -> dict[str, str]:
    return {"id": parent.entity, "name": parent.entity}


bindables = [query, mutation, project]
