"""The GraphQL schema: all `.graphql` files of the server, and the modules with their resolvers."""

from pathlib import Path

from ariadne import SchemaBindable, load_schema_from_path, make_executable_schema

from litsweep.server.artifacts import collection_mutations, mutations, queries
from litsweep.server.graphql import agents, files, history, projects, reruns, runs, scalars, sweeps, viewer
from litsweep.server.graphql.lenient import LenientSchema

MODULES = (
    scalars,
    viewer,
    projects,
    sweeps,
    agents,
    runs,
    reruns,
    history,
    files,
    queries,
    mutations,
    collection_mutations,
)


def build_schema() -> LenientSchema:
    """Return the schema, with the resolvers that the modules define."""
    type_defs = load_schema_from_path(Path(__file__).parents[1])
    found = [value for module in MODULES for value in vars(module).values()]
    bindables = [item for item in found if isinstance(item, SchemaBindable) and not isinstance(item, type)]
    return LenientSchema(make_executable_schema(type_defs, *bindables, convert_names_case=True))
