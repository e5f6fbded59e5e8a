"""GraphQL: the user and the server's features."""

import json
from dataclasses import dataclass, field

from ariadne import ObjectType, QueryType

from litsweep.server.graphql.context import Info
from litsweep.server.settings import USERNAME
from litsweep.server.store import projects

# The optional parts of W&B's API that this server has.
FEATURES = ("SWEEPS_LOCAL_SCHEDULER", "MARK_RUN_FILES_UPLOADED")
# `wandb verify` compares its own version with these.
CLI_VERSIONS = {"min_cli_version": "0.22.0", "max_cli_version": "999.0.0"}

query = QueryType()
user = ObjectType("User")
project = ObjectType("Project")
sweep = ObjectType("Sweep")
run = ObjectType("Run")


@dataclass(frozen=True)
class User:
    """The one user of a server. `entity` is the default entity of its runs."""

    entity: str
    id: str = "1"
    username: str = USERNAME
    name: str = USERNAME
    email: str = "local@localhost"
    admin: bool = True
    flags: str = json.dumps({"code_saving_enabled": True})
    deleted_at: None = None
    api_keys: dict[str, list[object]] = field(default_factory=lambda: {"edges": []})


@query.field("viewer")
@project.field("user")
@sweep.field("user")
@run.field("user")
def _viewer(_: object, info: Info) -> User:
    return User(info.context.backend.settings.default_entity)


@user.field("teams")
def _teams(parent: User, info: Info) -> dict[str, object]:
    """Return every entity that has a project, because the user may use all of them."""
    names = dict.fromkeys((parent.entity, *info.context.read(projects.entities)))
    return {"edges": [{"node": {"id": name, "name": name}} for name in names]}


@query.field("entity")
def _entity(_: object, info: Info, *, name: str | None = None) -> dict[str, str]:
    entity = name or info.context.backend.settings.default_entity
    return {"id": entity, "name": entity}


@query.field("users")
def _users(_: object, info: Info, **__: object) -> dict[str, object]:
    return {"edges": [{"node": _viewer(_, info)}]}


@query.field("serverInfo")
def _server_info(_: object, __: Info) -> dict[str, object]:
    features = [{"name": name, "is_enabled": True} for name in FEATURES]
    return {"cli_version_info": CLI_VERSIONS, "features": features}
