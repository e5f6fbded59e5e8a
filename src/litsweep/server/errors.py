"""Errors of requests."""

from litsweep.errors import LitsweepError


class NotFoundError(LitsweepError):
    """Something that the client names does not exist on this server: HTTP 404."""


class UnavailableError(LitsweepError):
    """The server cannot use its database now: HTTP 503. Clients repeat the request."""
