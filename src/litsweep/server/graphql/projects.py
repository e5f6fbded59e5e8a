"""GraphQL: projects."""

from typing import Unpack

from ariadne import ObjectType, QueryType
from sqlalchemy import Connection

from litsweep.server import changes, deletion
from litsweep.server.arguments import row_id
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context, Info
from litsweep.server.graphql.resolvers import Input, Listing, Mutations, Payload, constant, page
from litsweep.server.store import projects
from litsweep.server.store.projects import Project

query = QueryType()
mutation = Mutations()
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
    return info.context.read(projects.find, *info.context.project_path(entity_name, name))


@query.field("models")
def _projects(_: object, info: Info, *, entity_name: str | None = None, **wanted: Unpack[Listing]) -> Payload:
    entity = entity_name or info.context.backend.settings.default_entity
    return page(info.context.read(projects.of_entity, entity), **wanted)


@mutation.change("upsertModel")
def _upsert_project(connection: Connection, context: Context, input: Input) -> Payload:
    path = context.project_path(input.get("entity_name"), input.get("name"))
    inserted = projects.find(connection, *path) is None
    made = projects.ensure(connection, *path)
    if input.get("description") is not None:
        projects.describe(connection, made.id, input["description"])
    made = projects.one(connection, made.id)
    return {"project": made, "model": made, "inserted": inserted}


@mutation.field("deleteModel")
def _delete_project(_: object, info: Info, *, input: Input) -> Payload:
    """Delete a project with its sweeps, runs and artifacts."""
    id = input["id"]
    project = info.context.read(projects.get, row_id(id))
    if project is None:
        raise NotFoundError(f"project {id} does not exist")
    info.context.close()
    deletion.delete_project(info.context.backend, project, changes.BY_KEY)
    return {"success": True}


@project.field("entity")
def _entity(parent: Project, _: Info) -> dict[str, str]:
    return {"id": parent.entity, "name": parent.entity}
