"""The housekeeper's thread."""

import threading

import pytest
from sqlalchemy.exc import TimeoutError

from litsweep.server import housekeeping
from litsweep.server.backend import Backend
from litsweep.server.housekeeping import Housekeeper


def test_it_holds_the_lock_after_any_error(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checks = threading.Semaphore(0)

    def keep() -> None:
        checks.release()
        raise TimeoutError("all connections are in use")

    monkeypatch.setattr(backend.database.lock, "keep", keep)
    monkeypatch.setattr(housekeeping, "CHECK_SECONDS", 0.01)
    keeper = Housekeeper(backend, lambda error: pytest.fail(str(error)))
    keeper.start()
    assert all(checks.acquire(timeout=10) for _ in range(3))
    keeper.stop()
    assert caplog.text.count("was not checked") == 1
