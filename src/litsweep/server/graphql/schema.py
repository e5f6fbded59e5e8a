"""The whole schema, assembled in one place."""

from pathlib import Path

from ariadne import load_schema_from_path, make_executable_schema

from litsweep.server.graphql import (
    agents,
    artifact_collections,
    artifact_links,
    artifact_mutations,
    artifacts,
    files,
    history,
    projects,
    runs,
    scalars,
    sweeps,
    viewer,
)
from litsweep.server.graphql.lenient import LenientSchema

MODULES = (
    scalars,
    viewer,
    projects,
    sweeps,
    agents,
    runs,
    history,
    files,
    artifacts,
    artifact_collections,
    artifact_mutations,
    artifact_links,
)


def build_schema() -> LenientSchema:
    """Every `.graphql` file of this folder, with the resolvers of `MODULES`."""
    type_defs = load_schema_from_path(Path(__file__).parent)
    bindables = [bindable for module in MODULES for bindable in module.bindables]
    return LenientSchema(make_executable_schema(type_defs, *bindables, convert_names_case=True))
