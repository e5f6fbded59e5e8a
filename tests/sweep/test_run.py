"""The states of runs and their words."""

import pytest

from litsweep import Controller, parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import PAUSED, STATE_WORDS, STOPPED_EARLY, count_words, state_word


def test_every_state_has_its_word() -> None:
    assert set(STATE_WORDS) == {*RunState, STOPPED_EARLY, PAUSED}
    assert state_word(RunState.PREEMPTED, stopped_early=True) == "paused"
    assert state_word(RunState.PREEMPTED, stopped_early=False) == "preempted"
    assert state_word(RunState.FINISHED, stopped_early=True) == "stopped early"
    assert state_word(RunState.RUNNING, stopped_early=True) == "running"  # it has not ended yet
    assert state_word(RunState.KILLED, stopped_early=False, failure="signal") == "killed"
    assert state_word(RunState.FINISHED, stopped_early=False, failure="unreported") == "failed"


def test_runs_are_counted_in_the_order_of_the_words() -> None:
    counted = count_words(["unheard of", "pending", "failed", "finished", "failed"])
    assert list(counted.items()) == [("finished", 1), ("failed", 2), ("pending", 1), ("unheard of", 1)]
    assert counted["killed"] == 0


def test_a_word_that_is_no_state_or_failure_lists_those_there_are() -> None:
    search = Controller(parse_sweep({"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}))
    (suggestion,) = search.ask()
    states = "pending, running, finished, failed, crashed, killed, preempting, preempted"
    with pytest.raises(ValueError, match=rf"^state: must be one of {states}; got 'bad'$"):
        search.tell(suggestion.id, state="bad")
    with pytest.raises(ValueError, match=r"^failure: must be one of out_of_memory, .*; got 'oom'$"):
        search.tell(suggestion.id, state="failed", failure="oom")
    with pytest.raises(ValueError, match=r"^state: must be one of .*; got 'bad'$"):
        search.add({"x": 0.5}, state="bad")
    assert search.runs[0].state is RunState.RUNNING
