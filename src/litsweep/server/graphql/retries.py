"""GraphQL: retries, litsweep's own mutation."""

from litsweep.server import changes
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import Input, Mutations, Payload
from litsweep.server.retries import Retried
from litsweep.server.store import projects, sweeps

mutation = Mutations()


@mutation.field("retryRuns")
def _retry_runs(_: object, info: Info, *, input: Input) -> Payload:
    path = info.context.project_path(input.get("entity_name"), input.get("project_name"))
    with info.context.write() as connection:
        home = projects.find(connection, *path)
        sweep = sweeps.find(connection, input["sweep"], home.id) if home else None
        if sweep is None:
            raise NotFoundError(f"sweep {input['sweep']} does not exist")
        names, states = input.get("runs") or (), input.get("states") or ()
        answers = changes.retry(connection, sweep, names, states, input["limit"], changes.BY_KEY)
        current = sweeps.get(connection, sweep.id)
    info.context.backend.searches.mark_changed(sweep.id)
    done = [answer for answer in answers if isinstance(answer, Retried)]
    return {"sweep": current, "retried": done, "refused": [a for a in answers if not isinstance(a, Retried)]}
