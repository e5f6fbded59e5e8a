"""The runs of a sweep that a filter keeps."""

from litsweep.figures.sweep_data import SweepData
from litsweep.server.errors import RequestError


def matching(sweep: SweepData, expression: str) -> frozenset[str]:
    """Return the names of the runs that a filter expression keeps. Raise RequestError for a bad one."""
    raise RequestError(f"filter: this server has no filters yet, got {expression!r:.80}")
