"""Errors of requests."""

from sqlalchemy.exc import DontWrapMixin

from litsweep.errors import LitsweepError


class RequestError(LitsweepError, DontWrapMixin):
    """The request is malformed, asks for too much, or has a value that cannot be stored: HTTP 400.

    SQLAlchemy does not wrap this error if a column raises it.
    """


class NotFoundError(LitsweepError):
    """Something that the client names does not exist on this server: HTTP 404."""


class UnavailableError(LitsweepError):
    """The server cannot use its database now: HTTP 503. Clients repeat the request."""
