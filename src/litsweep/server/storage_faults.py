"""Errors of the disk and the database: a status and one sentence for the client, one line for the log."""

import errno
import logging
import os
import sqlite3
from dataclasses import dataclass

from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError
from starlette.requests import Request
from starlette.responses import Response

from litsweep.server.data_dir import DISK_FULL
from litsweep.server.errors import UnavailableError
from litsweep.server.refusals import refusal

logger = logging.getLogger(__name__)

_BROKEN = {errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}
_DATABASE_AWAY = (OperationalError, InterfaceError, PendingRollbackError, sqlite3.OperationalError)
_ADVICE = "nothing of this request is stored; the client sends it again"


@dataclass(frozen=True)
class StorageFault:
    """The HTTP status and the message for a request that could not be stored. Clients retry both statuses."""

    status: int
    message: str


def storage_fault(error: BaseException | None) -> StorageFault | None:
    """Return the fault if `error` comes from the disk or the database, else None."""
    if isinstance(error, OSError) and error.errno in DISK_FULL | _BROKEN:
        return _fault(os.strerror(error.errno or 0), is_full=error.errno in DISK_FULL)
    if isinstance(error, UnavailableError):
        return StorageFault(503, str(error))
    if isinstance(error, _DATABASE_AWAY) or getattr(error, "connection_invalidated", False):
        cause = getattr(error, "orig", error)
        reason = str(cause).strip().partition("\n")[0]
        return _fault(reason, is_full="is full" in reason or getattr(cause, "sqlstate", "") == "53100")
    return None


def _fault(reason: str, is_full: bool) -> StorageFault:
    if is_full:
        return StorageFault(507, f"the server's disk is full ({reason}): free some space; {_ADVICE}")
    return StorageFault(503, f"the server cannot use its storage ({reason}); {_ADVICE}")


def report(fault: StorageFault) -> None:
    """Log a fault."""
    logger.error("%s", fault.message, extra={"fault": fault})


async def answer(request: Request, error: Exception) -> Response:
    """Return the response for an exception of a route. Raise it again if it is not a storage fault."""
    fault = storage_fault(error)
    if fault is None:
        raise error
    report(fault)
    return refusal(fault.status, fault.message, {"Retry-After": "5"})
