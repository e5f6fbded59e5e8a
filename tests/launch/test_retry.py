"""The end of a run is recorded in full, once, although the server goes away at any of the requests."""

from typing import Any

import pytest

from litsweep.launch.failure import RunEnd
from litsweep.launch.protocol import UnreachableError
from litsweep.launch.retry import MAX_ATTEMPTS, Retries
from litsweep.sweep.contract import Failure


class Flaky:
    """A server for one run. It goes away at the request number `breaks_at`, before or after it has acted."""

    def __init__(self, breaks_at: int, has_acted: bool) -> None:
        self.saved: dict[str, Any] = {}
        self.ended: list[int] = []
        self.state, self.requeued, self.stopped = "running", 0, False
        self._breaks_at, self._has_acted, self._requests = breaks_at, has_acted, 0

    def _request(self, action: Any = lambda: None) -> Any:
        self._requests += 1
        breaks = self._requests == self._breaks_at
        result = action() if self._has_acted or not breaks else None
        if breaks:
            raise UnreachableError("away")
        return result

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self._request(lambda: {"state": self.state, "stopped": self.stopped}))

    def summary(self, run_id: str) -> dict[str, Any]:
        return dict(self._request(lambda: self.saved))

    def update_summary(self, run_id: str, summary: dict[str, Any]) -> None:
        self._request(lambda: setattr(self, "saved", summary))

    def requeue(self, run_id: str) -> None:
        def act() -> None:
            self.requeued += 1
            self.state = "preempted"

        self._request(act)

    def preempting(self, run_id: str) -> None:
        self._request(lambda: setattr(self, "state", "preempting"))

    def end(self, run_id: str, exit_code: int) -> None:
        def act() -> None:
            self.ended.append(exit_code)
            self.state = "preempted" if self.state == "preempting" else "failed"

        self._request(act)


@pytest.mark.parametrize("has_acted", [False, True])
@pytest.mark.parametrize("breaks_at", range(1, 5))
@pytest.mark.parametrize("failure", [Failure.LOST, Failure.ERROR, Failure.UNREPORTED])
def test_an_outage_changes_nothing(failure: Failure, breaks_at: int, has_acted: bool) -> None:
    server = Flaky(breaks_at, has_acted)
    retries = Retries(server)  # type: ignore[arg-type]  # it has the methods that are used
    end = RunEnd("r", 1, failure)
    answers: list[bool] = []
    while not answers:
        try:
            answers.append(retries.record(end))
        except UnreachableError:
            continue
    is_lost = failure is Failure.LOST
    assert answers == [is_lost]
    assert server.saved["attempts"] == 1 + is_lost
    assert server.requeued == is_lost
    assert len(set(server.ended)) == (not is_lost)
    assert server.saved.get("failure") == (None if is_lost else failure)


def test_the_attempts_are_limited() -> None:
    retries = Retries(Flaky(0, False))  # type: ignore[arg-type]
    end = RunEnd("r", 1, Failure.LOST)
    assert [retries.record(end) for _ in range(MAX_ATTEMPTS)] == [True] * (MAX_ATTEMPTS - 1) + [False]


@pytest.mark.parametrize("has_acted", [False, True])
@pytest.mark.parametrize("breaks_at", range(1, 5))
@pytest.mark.parametrize("state", ["running", "preempting", "preempted", "finished"])
def test_a_preempted_run_whose_client_was_killed_returns_to_the_sweep(
    state: str, breaks_at: int, has_acted: bool
) -> None:
    """Its client may be killed before it reports the end, or before anyone has reported the preemption.

    It may also report a success, if the program ends without an error.
    """
    api: Any = Flaky(breaks_at, has_acted)
    api.state = state
    retries, end = Retries(api), RunEnd("r", 143, Failure.SIGNAL)
    try:
        assert retries.record(end)
    except UnreachableError:
        assert retries.record(end)
    assert api.state == "preempted"
    assert api.ended == ([] if state == "preempted" else [143])


def test_a_run_that_the_server_has_stopped_does_not_return() -> None:
    api: Any = Flaky(0, False)
    api.state, api.stopped = "finished", True
    assert Retries(api).record(RunEnd("r", 143, Failure.SIGNAL))
    assert (api.state, api.ended) == ("finished", [])


@pytest.mark.parametrize("has_acted", [False, True])
@pytest.mark.parametrize("breaks_at", range(1, 5))
def test_a_run_that_was_out_of_memory_beside_others_returns_without_its_failure(
    breaks_at: int, has_acted: bool
) -> None:
    """However often: it is no attempt. Its client has reported a failure."""
    api: Any = Flaky(breaks_at, has_acted)
    retries, end = Retries(api), RunEnd("r", 143, Failure.OUT_OF_MEMORY)
    for repeat in range(1, MAX_ATTEMPTS + 2):
        api.state = "failed"
        api.saved = {"loss": 1.0, "failure": "out_of_memory", "failure_message": "CUDA out of memory."}
        try:
            assert retries.record(end)
        except UnreachableError:
            assert retries.record(end)
        assert (api.state, api.saved, api.requeued) == ("preempted", {"loss": 1.0}, repeat)
