"""How the server measures silence."""

from litsweep.server.liveness import OUTAGE, RECONNECT, SAVE_EVERY, Liveness
from tests.server.conftest import Clock


def test_silence_counts_from_the_last_request_and_anew_after_an_outage(clock: Clock) -> None:
    liveness = Liveness()
    liveness.note_agent(1)
    liveness.note_run(7)
    clock.now += RECONNECT
    liveness.note_agent(2)
    assert liveness.agent_silence(1) == liveness.run_silence(7) == liveness.agent_lag(1) == 0
    clock.now += 20
    assert (liveness.agent_silence(1), liveness.agent_lag(1)) == (20, 0)  # from nobody else either
    liveness.note_agent(2)
    assert (liveness.agent_silence(1), liveness.agent_lag(1)) == (20, 20)
    clock.now += OUTAGE + 1
    liveness.note_agent(2)
    assert liveness.agent_silence(1) == liveness.run_silence(7) == -RECONNECT
    clock.now += RECONNECT + 1
    liveness.tick(keep=1000)  # the server did not work, or the machine was asleep
    assert liveness.agent_silence(2) == -RECONNECT


def test_memory_does_not_grow_with_agents_and_runs_that_are_gone(clock: Clock) -> None:
    liveness = Liveness()
    for i in range(100):
        liveness.note_agent(i)
        liveness.note_run_command(i, "a")
        liveness.note_run(i)
        liveness.seconds_since_stop(i)
    clock.now += SAVE_EVERY
    assert liveness.take_unsaved() == list(range(100)) and liveness.take_unsaved() == []
    clock.now += 1001
    liveness.note_agent(5)
    liveness.tick(keep=1000)
    assert (len(liveness._agents), len(liveness._runs)) == (1, 0)
    clock.now += SAVE_EVERY
    assert liveness.take_unsaved() == [5] and liveness.take_run_command(3) is None


def test_a_stop_has_its_full_grace_after_each_start(clock: Clock) -> None:
    liveness = Liveness()
    assert liveness.seconds_since_stop(1) == 0
    clock.now += 50
    assert liveness.seconds_since_stop(1) == 50
    liveness.forget_stop(1)
    assert liveness.seconds_since_stop(1) == 0
