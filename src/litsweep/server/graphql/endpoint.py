"""The route `POST /graphql`."""

import logging
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from graphql import ExecutionResult, GraphQLError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from litsweep.errors import LitsweepError
from litsweep.server.backend import backend_of
from litsweep.server.errors import NotFoundError
from litsweep.server.graphql.context import Context
from litsweep.server.graphql.schema import build_schema
from litsweep.server.json_body import BodyError, read_json
from litsweep.server.limits import SMALL_BODY, refusal
from litsweep.server.storage_faults import report, storage_fault

logger = logging.getLogger(__name__)

SCHEMA = build_schema()


async def graphql(request: Request) -> Response:
    """Execute one operation in a worker thread, so that a slow one does not delay the others."""
    try:
        text = await request.body()
        body = read_json(text) if len(text) <= SMALL_BODY else await run_in_threadpool(read_json, text)
    except BodyError as error:
        return refusal(error.status, str(error))
    base_url = str(request.base_url).rstrip("/")
    context = Context(backend_of(request), base_url, request.headers.get("user-agent", ""))
    response = await run_in_threadpool(answer, body, context)
    if context.if_unread is not None and await request.is_disconnected():
        context.if_unread()
    return response


def answer(body: Mapping[str, Any], context: Context) -> Response:
    """Return the response to `{query, variables, operationName}`. End the context's transaction."""
    query, operation = body.get("query"), body.get("operationName") or None
    if not query:
        return _refusal("the request has no query")
    try:
        with closing(context):
            result = SCHEMA.execute(query, body.get("variables") or {}, operation, context)
    except GraphQLError as error:
        return _refusal(error.message)
    if not result.errors:
        return JSONResponse({"data": result.data})
    messages = [{"message": _message(error), "path": error.path} for error in result.errors]
    return JSONResponse({"data": result.data, "errors": messages}, status_code=_status(result))


def _refusal(message: str) -> Response:
    return JSONResponse({"errors": [{"message": message}]}, status_code=400)


def _message(error: GraphQLError) -> str:
    """Return the message for the user. An error of this server is logged with its traceback."""
    if error.original_error is None or isinstance(error.original_error, LitsweepError):
        return error.message
    if fault := storage_fault(error.original_error):
        report(fault)
        return fault.message
    logger.error("GraphQL operation failed", exc_info=error.original_error)
    return f"internal error of the litsweep server: {error.message}"


def _status(result: ExecutionResult) -> int:
    """Return 404 for a missing object, and 503 or 507 for a storage fault: the client then retries."""
    causes = [error.original_error for error in result.errors or ()]
    if any(isinstance(cause, NotFoundError) for cause in causes):
        return 404
    return next((fault.status for cause in causes if (fault := storage_fault(cause))), 200)


routes: list[BaseRoute] = [Route("/graphql", graphql, methods=["POST"])]
