"""GraphQL: retries, and repeats of a sweep's leaders, litsweep's own mutations."""

from litsweep.server import changes
from litsweep.server.comparison_view import comparison_view
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import Input, Mutations, Payload, named_sweep
from litsweep.server.retries import Retried
from litsweep.server.store import sweeps

mutation = Mutations()


@mutation.field("retryRuns")
def _retry_runs(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        sweep = named_sweep(connection, info.context, input)
        names, states = input.get("runs") or (), input.get("states") or ()
        answers = changes.retry(connection, sweep, names, states, input["limit"], changes.BY_KEY)
        current = sweeps.get(connection, sweep.id)
    info.context.backend.searches.mark_changed(sweep.id)
    done = [answer for answer in answers if isinstance(answer, Retried)]
    return {"sweep": current, "retried": done, "refused": [a for a in answers if not isinstance(a, Retried)]}


@mutation.field("confirmRuns")
def _confirm_runs(_: object, info: Info, *, input: Input) -> Payload:
    with info.context.write() as connection:
        sweep = named_sweep(connection, info.context, input)
        chosen = (input["top"], input["seeds"], input["parameter"])
        queued = changes.confirm(connection, sweep, *chosen, changes.BY_KEY)
        current, view = sweeps.get(connection, sweep.id), comparison_view(connection, sweep)
    info.context.backend.searches.mark_changed(sweep.id)
    return {"sweep": current, "queued": queued, "confirmed": view}
