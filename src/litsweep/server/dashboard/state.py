"""State of the dashboard, in the memory of the server process."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from litsweep.server.dashboard.curves import CurveCache


@dataclass(frozen=True)
class DashboardState:
    """The curve cache."""

    curves: CurveCache = field(default_factory=CurveCache)


def state_of(connection: HTTPConnection) -> DashboardState:
    """Return the state of the server that answers this request."""
    state = connection.app.state.dashboard
    assert isinstance(state, DashboardState)
    return state
