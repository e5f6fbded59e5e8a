"""What a client can ask for that is not there."""

from litsweep.errors import LitsweepError


class NotFoundError(LitsweepError):
    """The thing is not, or no longer, on this server: HTTP 404."""
