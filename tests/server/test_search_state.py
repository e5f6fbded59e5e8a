"""Which suggestions an agent gets: which results they must include, and which answers of the worker count."""

from typing import Any

from litsweep.server.search_protocol import Answer, ReadySuggestion, Request
from litsweep.server.search_state import MAX_PAUSE, MAY_MISS_SECONDS, MIN_PAUSE, Availability, SearchState

AGENT, OTHER = 1, 2


def prepared(name: str) -> ReadySuggestion:
    return ReadySuggestion(name, "{}", "{}", "{}", "")


class Bench:
    """A sweep's state, with a clock and a worker that the test plays."""

    def __init__(self) -> None:
        self.state, self.now, self.number = SearchState(7), 100.0, 0

    def change(self, run: int = 5, agent: int | None = OTHER) -> None:
        self.state.note_change(self.now, run, agent)

    def request(self) -> Request:
        due = self.state.due()
        assert due is not None and due <= self.now
        self.number += 1
        return self.state.request(self.number, self.now)

    def answer(self, request: Request, *names: str, generation: int | None = None, **more: Any) -> bool:
        new = tuple(map(prepared, names))
        begun = request.number if generation is None else generation
        return self.state.receive(Answer(7, request.number, begun, suggestions=new, **more), self.now)

    def taken(self, agent: int = AGENT) -> str | None:
        found = self.state.take(agent) if self.state.ask(agent, self.now) is Availability.READY else None
        return found and found.name


def ready(*names: str) -> Bench:
    """Return a sweep for which the worker has prepared these suggestions."""
    bench = Bench()
    bench.answer(bench.request(), *names, is_last=True)
    return bench


def test_the_first_request_asks_for_everything_and_later_ones_name_what_changed() -> None:
    bench = Bench()
    assert bench.request().changed is None
    bench = ready("a")
    assert bench.state.due() is None
    bench.change(5)
    bench.change(6)
    assert bench.request().changed == frozenset({5, 6})


def test_a_result_of_another_agent_is_known_or_has_come_in_the_last_second() -> None:
    bench = ready("a")
    bench.change()
    bench.now += MAY_MISS_SECONDS / 2
    assert bench.state.ask(AGENT, bench.now) is Availability.NOT_YET  # a new one may come at any moment
    bench.state.accept_minimum(AGENT)
    assert bench.taken() == "a"
    bench = ready("a")
    bench.change()
    bench.now += MAY_MISS_SECONDS
    assert bench.state.ask(AGENT, bench.now) is Availability.NOT_YET
    bench.state.accept_minimum(AGENT)
    assert bench.state.availability(AGENT) is Availability.NOT_YET


def test_the_results_of_the_agent_s_own_runs_are_always_known() -> None:
    bench = ready("a")
    bench.change(agent=AGENT)
    bench.state.ask(AGENT, bench.now)
    bench.state.accept_minimum(AGENT)
    assert bench.state.availability(AGENT) is Availability.NOT_YET
    bench.answer(bench.request(), "b")
    assert bench.taken() == "b"


def test_a_constant_stream_of_results_keeps_no_agent_from_work() -> None:
    bench = ready("a")
    bench.change()
    assert bench.taken() is None
    request = bench.request()
    for _ in range(20):
        bench.now += 0.1
        bench.change()
    assert bench.state.availability(AGENT) is Availability.NOT_YET
    bench.answer(request, "b")
    assert bench.taken() == "b"


def test_suggestions_that_do_not_know_a_taken_run_are_rejected() -> None:
    bench = ready("a", "b")
    bench.change()
    bench.now += MIN_PAUSE
    request = bench.request()
    bench.state.ask(AGENT, bench.now)
    bench.state.accept_minimum(AGENT)
    assert bench.taken() == "a"
    bench.answer(request, "a")  # the worker does not know that `a` was taken
    assert [each.name for each in bench.state.ready] == ["b"]
    bench.state.note_run(9)
    bench.answer(bench.request(), "c")
    assert [each.name for each in bench.state.ready] == ["c"]


def test_a_generation_continues_while_its_suggestions_are_taken_and_repeats_nothing() -> None:
    bench = Bench()
    request = bench.request()
    bench.answer(request, "a")
    assert bench.taken() == "a"
    bench.answer(request, "b", position=1)
    again = bench.request()
    assert (again.generation, again.received) == (request.number, 2)
    bench.answer(again, "b", "c", generation=request.number, position=1)
    assert [each.name for each in bench.state.ready] == ["b", "c"]


def test_results_change_nothing_for_a_method_that_does_not_learn() -> None:
    bench = Bench()
    bench.answer(bench.request(), "a", uses_results=False)
    bench.change(agent=AGENT)
    assert bench.taken() == "a"


def test_a_run_that_is_being_stored_is_not_hidden_from_the_worker() -> None:
    bench = ready("a")
    bench.state.writers += 1
    assert bench.taken() == "a" and bench.state.due() is None
    bench.state.writers -= 1
    bench.state.note_run(9)
    assert bench.request().changed == frozenset({9})


def test_an_end_counts_once_the_ready_suggestions_are_taken() -> None:
    bench = Bench()
    bench.answer(bench.request(), "a", done_because="exhausted")
    assert bench.state.report().done_because is None
    assert bench.taken() == "a" and bench.state.ask(AGENT, bench.now) is Availability.NO_MORE
    assert bench.state.report().done_because == "exhausted"


def test_results_that_nobody_waits_for_are_computed_at_intervals_but_at_once_for_an_agent() -> None:
    bench = ready()
    bench.change()
    bench.answer(bench.request(), "a", seconds=60.0, is_last=True)
    bench.change()
    bench.now += MIN_PAUSE
    bench.answer(bench.request(), "a", seconds=60.0, is_last=True)
    bench.change()
    due = bench.state.due()
    assert due is not None and bench.now < due <= bench.now + MAX_PAUSE
    bench.state.ask(AGENT, bench.now)
    due = bench.state.due()
    assert due is not None and due <= bench.now


def test_a_search_that_fails_again_and_again_is_tried_less_often() -> None:
    bench, waits = Bench(), list[float]()
    for _ in range(9):
        assert bench.state.fail("out of luck", bench.number + 1, bench.now) == (not waits)
        due = bench.state.due()
        assert due is not None
        waits.append(due - bench.now)
        bench.now = due
        request = bench.request()
    assert waits[:4] == [0, 1, 2, 4] and max(waits) == 60
    bench.answer(request, is_last=True)
    assert bench.state.error is None
