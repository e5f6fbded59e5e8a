"""What the pages of one running server remember; nothing of it outlives the process."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from litsweep.server.dashboard.curves import CurveCache


@dataclass(frozen=True)
class DashboardState:
    """Curves that were read already, and the login links that were used."""

    curves: CurveCache = field(default_factory=CurveCache)
    used_login_links: set[str] = field(default_factory=set)


def state_of(connection: HTTPConnection) -> DashboardState:
    """The state of the server that answers this request."""
    state = connection.app.state.dashboard
    assert isinstance(state, DashboardState)
    return state
