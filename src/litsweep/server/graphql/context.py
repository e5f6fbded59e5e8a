"""What a resolver knows about the request it answers."""

from dataclasses import dataclass

from graphql import GraphQLResolveInfo

from litsweep.server.backend import Backend


@dataclass(frozen=True)
class Context:
    """One GraphQL request. `base_url` is the server's as the client wrote it, without a slash at the end."""

    backend: Backend
    base_url: str
    user_agent: str = ""


Info = GraphQLResolveInfo[Context]
