"""Errors of requests."""

from collections.abc import Mapping

from sqlalchemy.exc import DontWrapMixin

from litsweep.errors import LitsweepError


class RequestError(LitsweepError, DontWrapMixin):
    """The request is malformed, asks for too much, or has a value that cannot be stored.

    The answer is HTTP 400, or another `status`. SQLAlchemy does not wrap this error if a column raises it.
    """

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class NotFoundError(LitsweepError):
    """Something that the client names does not exist on this server: HTTP 404."""


class UnavailableError(LitsweepError):
    """The server cannot use its database now: HTTP 503. Clients repeat the request."""
