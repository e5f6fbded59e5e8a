"""The route `POST /graphql`."""

import json
import logging
import threading
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from litsweep.errors import LitsweepError
from litsweep.server.arguments import MAX_DEPTH, checked_object
from litsweep.server.backend import backend_of
from litsweep.server.errors import NotFoundError, RequestError, UnavailableError
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.schema import build_schema
from litsweep.server.json_body import read_json
from litsweep.server.limits import SMALL_BODY
from litsweep.server.refusals import refusal
from litsweep.server.storage_faults import report, storage_fault
from litsweep.sweep.values import show

logger = logging.getLogger(__name__)

SCHEMA = build_schema()
MOST_ERRORS = 20
"""The largest number of errors in an answer."""


async def graphql(request: Request) -> Response:
    """Execute one operation in a worker thread, so that a slow one does not delay the others."""
    text = await request.body()
    body = read_json(text) if len(text) <= SMALL_BODY else await run_in_threadpool(read_json, text)
    base_url = str(request.base_url).rstrip("/")
    context = Context(backend_of(request), base_url, request.headers.get("user-agent", ""))
    response = await run_in_threadpool(answer, body, context)
    if context.if_unread is not None and await request.is_disconnected():
        context.if_unread()
    return response


def answer(body: object, context: Context) -> Response:
    """Return the response to `{query, variables, operationName}`. End the context's transaction."""
    try:
        query, variables, operation = _operation(body)
        with closing(context):
            result = SCHEMA.execute(query, variables, operation, context, context.budget)
    except RecursionError:
        return refusal(400, f"the variables are nested more than {MAX_DEPTH} deep")
    except GraphQLError as error:
        return refusal(400, error.message)
    except RequestError as error:
        return refusal(400, str(error))
    if not result.errors:
        return _json({"data": result.data})
    messages = [{"message": _message(error), "path": error.path} for error in result.errors[:MOST_ERRORS]]
    return _json({"data": result.data, "errors": messages}, _status(result.errors))


def _operation(body: object) -> tuple[str, Mapping[str, Any], str | None]:
    """Return query, variables and operation name of a request. Raise RequestError if it is malformed."""
    request = checked_object(body, "the body")
    query, operation = request.get("query"), request.get("operationName") or None
    if not isinstance(query, str) or not query:
        raise RequestError(f"query: must be the text of a GraphQL query, got {show(query)}")
    if not isinstance(operation, str | None):
        raise RequestError(f"operationName: must be text, got {show(operation)}")
    return query, checked_object(request.get("variables") or {}, "variables"), operation


def _json(content: object, status: int = 200) -> Response:
    """Return JSON in ASCII, which can show any text."""
    return Response(json.dumps(content, separators=(",", ":")), status, media_type="application/json")


def _message(error: GraphQLError) -> str:
    """Return the message for the user. An error of this server or its database is logged."""
    status, cause = _cause_status(error), error.original_error
    if status == 409:
        return "this conflicts with other data: a name is taken, or an object does not exist"
    if status < 500 or isinstance(cause, UnavailableError):
        return error.message
    if (fault := storage_fault(cause)) and status == 507:
        report(fault)
        return fault.message
    _failures.log(error)
    what = cause.orig if isinstance(cause, DBAPIError) else error.message
    return f"{'the database failed' if status == 503 else 'internal error of the litsweep server'}: {what}"


def _status(errors: Sequence[GraphQLError]) -> int:
    """Return the status of the gravest error. Clients retry 5xx, and do not retry 4xx."""
    return max(_cause_status(error) for error in errors)


def _cause_status(error: GraphQLError) -> int:
    if fault := storage_fault(error.original_error):
        return fault.status
    match error.original_error:
        case NotFoundError():
            return 404
        case None | LitsweepError() | GraphQLError() | RecursionError():
            return 400
        case IntegrityError():
            return 409
        case TimeoutError():
            return 503
        case _:
            return 500


class _Failures:
    """Errors of this server. Each kind is logged once with its traceback, and then counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def log(self, error: GraphQLError) -> None:
        cause = error.original_error
        assert cause is not None
        place = traceback.extract_tb(cause.__traceback__)[-1]
        kind = f"{type(cause).__name__} in {place.name}, line {place.lineno}"
        with self._lock:
            self._counts[kind] += 1
            count = self._counts[kind]
        if count == 1:
            logger.error("GraphQL operation failed: %s", kind, exc_info=cause)
        elif count & (count - 1) == 0:  # 2, 4, 8, ...
            logger.error("GraphQL operation failed: %s, %d times so far", kind, count)


_failures = _Failures()

routes: list[BaseRoute] = [Route("/graphql", graphql, methods=["POST"])]
