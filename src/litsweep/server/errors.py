"""Errors of requests."""

from litsweep.errors import LitsweepError


class NotFoundError(LitsweepError):
    """Something that the client names does not exist on this server: HTTP 404."""
