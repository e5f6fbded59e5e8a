"""GraphQL: repeats of a sweep's leaders, litsweep's own mutation."""

from litsweep.server import changes
from litsweep.server.comparison_view import comparison_view
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import Input, Mutations, Payload
from litsweep.server.store import projects, sweeps

mutation = Mutations()


@mutation.field("confirmRuns")
def _confirm_runs(_: object, info: Info, *, input: Input) -> Payload:
    path = info.context.project_path(input.get("entity_name"), input.get("project_name"))
    with info.context.write() as connection:
        home = projects.find(connection, *path)
        sweep = sweeps.find(connection, input["sweep"], home.id) if home else None
        if sweep is None:
            raise NotFoundError(f"sweep {input['sweep']} does not exist")
        chosen = (input["top"], input["seeds"], input["parameter"])
        queued = changes.confirm(connection, sweep, *chosen, changes.BY_KEY)
        current, view = sweeps.get(connection, sweep.id), comparison_view(connection, sweep)
    info.context.backend.searches.mark_changed(sweep.id)
    return {"sweep": current, "queued": queued, "confirmed": view}
