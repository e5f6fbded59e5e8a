"""How the server measures silence."""

from litsweep.server.contacts import OUTAGE, RECONNECT, SAVE_EVERY, Contacts
from tests.server.conftest import Clock


def test_silence_counts_from_the_last_request_and_anew_after_an_outage(clock: Clock) -> None:
    contacts = Contacts()
    contacts.hear_agent(1)
    contacts.hear_run(7)
    clock.now += RECONNECT
    contacts.hear_agent(2)
    assert contacts.agent_silence(1) == contacts.run_silence(7) == contacts.agent_absence(1) == 0
    clock.now += 20
    assert (contacts.agent_silence(1), contacts.agent_absence(1)) == (20, 0)  # from nobody else either
    contacts.hear_agent(2)
    assert (contacts.agent_silence(1), contacts.agent_absence(1)) == (20, 20)
    clock.now += OUTAGE + 1
    contacts.hear_agent(2)
    assert contacts.agent_silence(1) == contacts.run_silence(7) == -RECONNECT
    clock.now += RECONNECT + 1
    contacts.tick(keep=1000)  # the server did not work, or the machine was asleep
    assert contacts.agent_silence(2) == -RECONNECT


def test_memory_does_not_grow_with_agents_and_runs_that_are_gone(clock: Clock) -> None:
    contacts = Contacts()
    for i in range(100):
        contacts.hear_agent(i)
        contacts.note_handout(i, "a")
        contacts.hear_run(i)
        contacts.seconds_since_stop(i)
    clock.now += SAVE_EVERY
    assert contacts.take_unsaved() == list(range(100)) and contacts.take_unsaved() == []
    clock.now += 1001
    contacts.hear_agent(5)
    contacts.tick(keep=1000)
    assert (len(contacts._agents), len(contacts._runs)) == (1, 0)
    clock.now += SAVE_EVERY
    assert contacts.take_unsaved() == [5] and contacts.take_handout(3) is None


def test_a_stop_has_its_full_grace_after_each_start(clock: Clock) -> None:
    contacts = Contacts()
    assert contacts.seconds_since_stop(1) == 0
    clock.now += 50
    assert contacts.seconds_since_stop(1) == 50
    contacts.forget_stop(1)
    assert contacts.seconds_since_stop(1) == 0
