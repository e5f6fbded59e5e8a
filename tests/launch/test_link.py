"""The messages between agent and supervisor."""

import socket
from dataclasses import asdict

import pytest

from litsweep.launch.failure import RunEnd
from litsweep.launch.link import FailureStreak, LineSocket, end_of
from litsweep.sweep.contract import Failure


def pair() -> tuple[LineSocket, LineSocket]:
    one, other = socket.socketpair()
    return LineSocket(one), LineSocket(other)


def test_messages_arrive_in_order_and_whole() -> None:
    agent, supervisor = pair()
    assert supervisor.receive() == []
    for n in range(3):
        agent.send(event="started", run=f"r{n}", note="x" * 10_000)
    assert [message["run"] for message in supervisor.receive()] == ["r0", "r1", "r2"]
    agent.close()
    supervisor.close()


def test_the_end_of_the_other_side_is_noticed_after_its_last_word() -> None:
    agent, supervisor = pair()
    agent.send(event="left", reason="done")
    agent.close()
    assert supervisor.receive() == [{"event": "left", "reason": "done"}]
    with pytest.raises(ConnectionError):
        supervisor.receive()
    supervisor.send(order="go")  # to nobody, which is no error
    supervisor.close()


def test_a_run_s_end_survives_the_wire() -> None:
    agent, supervisor = pair()
    end = RunEnd("abc", -9, Failure.SIGNAL, "last\nwords")
    agent.send(event="ended", run=end.run_id, exit=end.exit_code, failure=end.failure, tail=end.tail)
    assert asdict(end_of(supervisor.receive()[0])) == asdict(end)
    agent.close()
    supervisor.close()


@pytest.mark.parametrize(
    ("ends", "over"),
    [
        ([Failure.ERROR] * 3, True),
        ([Failure.ERROR, Failure.SIGNAL, Failure.OUT_OF_MEMORY], True),
        ([Failure.ERROR, None, Failure.ERROR, Failure.ERROR], False),
        ([Failure.DIVERGED] * 9, False),
    ],
)
def test_only_a_slot_s_own_failures_in_a_row_close_it(ends: list[Failure | None], over: bool) -> None:
    streak = FailureStreak(limit=3)
    for failure in ends:
        streak.add(RunEnd("r", 1, failure))
    assert streak.is_over is over
