"""Who is asking, and what this server can do."""

import json
from dataclasses import dataclass, field
from typing import Any

from ariadne import ObjectType, QueryType

from litsweep.server.graphql.context import Info
from litsweep.server.settings import USERNAME
from litsweep.server.store import projects

# Optional parts of W&B's API that this server has.
FEATURES = ("SWEEPS_LOCAL_SCHEDULER", "MARK_RUN_FILES_UPLOADED")
# `wandb verify` compares its own version with these.
CLI_VERSIONS = {"min_cli_version": "0.22.0", "max_cli_version": "999.0.0"}

query = QueryType()
user = ObjectType("User")
owned = [ObjectType("Project"), ObjectType("Sweep"), ObjectType("Run")]


@dataclass(frozen=True)
class User:
    """The one user of a server; its entity is where runs without one go."""

    entity: str
    id: str = "1"
    username: str = USERNAME
    name: str = USERNAME
    email: str = "local@localhost"
    admin: bool = True
    flags: str = json.dumps({"code_saving_enabled": True})
    deleted_at: None = None
    api_keys: dict[str, Any] = field(default_factory=lambda: {"edges": []})


@query.field("viewer")
def resolve_viewer(_: object, info: Info) -> User:
    return User(info.context.backend.settings.default_entity)


@user.field("teams")
def resolve_teams(parent: User, info: Info) -> dict[str, Any]:
    """The one user may use every entity that has a project."""
    with info.context.backend.database.read() as connection:
        names = dict.fromkeys((parent.entity, *projects.entities(connection)))
    return {"edges": [{"node": {"id": name, "name": name}} for name in names]}


for owned_type in owned:
    owned_type.set_field("user", resolve_viewer)


@query.field("entity")
def resolve_entity(_: object, info: Info, *, name: str | None = None) -> dict[str, str]:
    entity = name or info.context.backend.settings.default_entity
    return {"id": entity, "name": entity}


@query.field("users")
def resolve_users(_: object, info: Info, **__: object) -> dict[str, Any]:
    return {"edges": [{"node": resolve_viewer(_, info)}]}


@query.field("serverInfo")
def resolve_server_info(_: object, info: Info) -> dict[str, Any]:
    return {
        "cli_version_info": CLI_VERSIONS,
        "features": [{"name": name, "is_enabled": True} for name in FEATURES],
    }


bindables = [query, user, *owned]
