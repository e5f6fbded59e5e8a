"""How many runs share a GPU: the choice from measurements."""

import itertools
import random
from collections.abc import Callable

import pytest

from litsweep.launch import sharing
from litsweep.launch.sharing import (
    FEWEST_ENDED,
    MOST_SLOTS,
    Choice,
    Limits,
    Measurement,
    Row,
    choose,
    lowered,
    runs_that_fit,
)

WIDE = Limits(total=80.0)
Work = Callable[[int], float]


def measured(slots: int, work: Work, used: float = 1.0, before: float = 0.0) -> Measurement:
    """Return what `slots` runs do that together do `work(slots)` steps per second."""
    paces = {f"run-{i}": work(slots) / slots for i in range(slots)}
    return Measurement(slots, paces, [], before + used * slots)


def ended(slots: int, seconds: float, runs: int) -> Measurement:
    return Measurement(slots, {}, [seconds] * runs, float(slots))


def search(
    work: Work, limits: Limits, used: float = 1.0, breaks_at: int = MOST_SLOTS + 1
) -> tuple[list[int], Choice]:
    """Measure what is chosen until the choice is final. `breaks_at` runs are out of memory."""
    tried: dict[int, Measurement] = {}
    while not (choice := choose(list(tried.values()), limits)).is_final:
        assert choice.slots not in tried, "a complete measurement is not repeated"
        tried[choice.slots] = measured(choice.slots, work, used, limits.used_before)
        if choice.slots >= breaks_at:
            tried[choice.slots] = Measurement(choice.slots)
            limits = lowered(limits, choice.slots)
    return list(tried), choice


def linear(slots: int) -> float:
    return float(slots)


def test_it_begins_with_one_run() -> None:
    assert choose([], WIDE) == Choice(1, "measures one run")


def test_nothing_is_added_before_the_first_number_is_measured() -> None:
    assert choose([Measurement(1)], WIDE) == Choice(1, "measures 1 run")
    assert choose([Measurement(4, {"a": 1.0})], WIDE).slots == 4


def test_slots_double_while_the_work_grows() -> None:
    tried, choice = search(linear, WIDE)
    assert tried == [1, 2, 4, 8, 16]
    reason = "16 at a time do 2.00 times the work of 8 (the steps of 8 runs); that is the most"
    assert choice == Choice(16, reason, is_final=True)


@pytest.mark.parametrize(("most_work", "expected"), [(1.0, 1), (1.9, 2), (4.0, 4), (3.0, 4), (7.9, 8)])
def test_slots_that_do_no_more_work_are_taken_back(most_work: float, expected: int) -> None:
    _, choice = search(lambda slots: min(slots, most_work), WIDE)
    assert choice.slots == expected and choice.is_final
    assert f"{2 * expected} at a time do 1.0" in choice.reason or expected == MOST_SLOTS


def test_memory_bounds_the_slots_before_they_are_tried() -> None:
    """Each run needs 10 of 80 GB, of which others use 5, and a tenth stays free: six runs fit."""
    tried, choice = search(linear, Limits(80.0, used_before=5.0), used=10.0)
    assert (tried, choice.slots) == ([1, 2, 4, 6], 6)
    assert choice.reason.endswith("the memory does not suffice for more: 6 runs took 60.0 of 80.0 GiB")
    assert runs_that_fit(Measurement(2, used=25.0), Limits(80.0, used_before=5.0)) == 6
    assert runs_that_fit(Measurement(2, used=5.0), Limits(80.0, used_before=5.0)) == MOST_SLOTS


def test_one_run_that_fills_the_memory_stays_alone() -> None:
    tried, choice = search(linear, WIDE, used=60.0)
    assert (tried, choice.slots) == ([1], 1)
    assert "1 run took 60.0 of 80.0 GiB" in choice.reason


def test_out_of_memory_while_a_number_is_tried_leads_to_a_smaller_one() -> None:
    tried, choice = search(linear, WIDE, breaks_at=4)
    assert tried == [1, 2, 4, 3]
    reason = (
        "3 at a time do 1.50 times the work of 2 (the steps of 2 runs); 4 runs at a time ran out of memory"
    )
    assert choice == Choice(3, reason, is_final=True)


def test_out_of_memory_lowers_a_final_choice() -> None:
    four = [measured(1, linear), measured(2, linear), measured(4, linear), measured(8, lambda _: 4.0)]
    assert choose(four, WIDE).slots == 4
    assert choose(four, lowered(WIDE, 4)) == Choice(3, "4 runs at a time ran out of memory", is_final=True)
    assert choose(four, lowered(lowered(WIDE, 4), 2)).slots == 1


def test_the_ceiling_never_rises_and_is_at_least_one() -> None:
    assert lowered(lowered(WIDE, 3), 8).ceiling == 2
    assert lowered(WIDE, 1).ceiling == 1


def test_each_run_is_compared_with_itself() -> None:
    """The second run is of a config that makes ten times the steps, which says nothing."""
    one, two = Measurement(1, {"slow": 1.0}), Measurement(2, {"slow": 0.5, "fast": 5.0})
    assert choose([one, two], WIDE).slots == 1
    assert choose([one, two], WIDE).reason == "2 at a time do 1.00 times the work of 1 (the steps of 1 run)"


def test_runs_that_do_not_live_long_enough_are_compared_by_the_time_that_they_take() -> None:
    one, two = Measurement(1, {"a": 1.0}), Measurement(2, {"b": 9.0, "c": 9.0})
    assert choose([one, two], WIDE) == Choice(2, "compares 2 at a time with 1")
    two = ended(2, seconds=12.0, runs=FEWEST_ENDED)
    assert choose([one, two], WIDE).slots == 1 and not choose([one, two], WIDE).is_final
    one = Measurement(1, {"a": 1.0}, [10.0] * FEWEST_ENDED)
    assert choose([one, two], WIDE).slots == 4  # 1.67 times the work
    slower = ended(2, seconds=20.0, runs=FEWEST_ENDED)
    reason = f"2 at a time do 1.00 times the work of 1 ({FEWEST_ENDED} and {FEWEST_ENDED} ended runs)"
    assert choose([one, slower], WIDE) == Choice(1, reason, is_final=True)


def test_more_slots_need_more_ended_runs() -> None:
    assert not ended(8, 1.0, 15).has_durations and ended(8, 1.0, 16).has_durations


@pytest.mark.parametrize("seed", range(200))
def test_every_search_ends_within_the_memory_and_near_the_best(seed: int) -> None:
    """The work grows up to some number of runs and then stays or falls; the memory suffices for some."""
    random_ = random.Random(seed)
    most, falls = random_.uniform(1, 20), random_.choice([0.0, 0.02])
    limits = Limits(random_.uniform(10, 100), used_before=random_.uniform(0, 5))
    breaks_at, used = random_.randint(2, 20), random_.uniform(0.1, 12)

    def work(slots: int) -> float:
        return min(slots, most) * (1 - falls * max(0.0, slots - most))

    tried, choice = search(work, limits, used, breaks_at)
    assert len(set(tried)) == len(tried) and choice.slots <= min(MOST_SLOTS, breaks_at - 1)
    assert choice.slots in tried or choice.slots == breaks_at - 1
    assert choice.slots == 1 or choice.slots * used <= limits.total
    better = [n for n in tried if n < breaks_at and work(n) > 1.06 * work(choice.slots)]
    assert better == [] or choice.slots == breaks_at - 1


def window_of(rows: list[tuple[float, float]], since: float = 0.0) -> dict[str, float]:
    window = Measurement(1, since=since)
    for step, at in rows:
        window.add({"a": Row(step, at)})
    return dict(window.paces)


def test_a_pace_is_that_of_intervals_between_rows() -> None:
    assert window_of([(0, 10), (20, 30), (40, 50), (60, 70)]) == {"a": 1.0}
    assert window_of([(0, 10), (20, 30), (40, 50), (59, 69)]) == {}  # too short
    assert window_of([(0, 10), (20, 30), (60, 70)]) == {}  # one interval may be of another kind
    assert window_of([(0, 10), (0, 10), (600, 610), (600, 610), (1200, 1210), (1800, 1810)]) == {"a": 1.0}


def test_a_validation_between_two_rows_does_not_change_the_pace() -> None:
    assert window_of([(0, 0), (20, 20), (21, 120), (41, 140), (61, 160)]) == {"a": 1.0}


def test_rows_that_come_together_count_as_one() -> None:
    """An epoch ends with a row of the training and one of the validation."""
    rows: list[tuple[float, float]] = [
        (2 * n + late, 30.0 * n + 0.1 * late) for n in range(5) for late in (0, 1)
    ]
    assert window_of(rows) == {"a": pytest.approx(2 / 30, rel=0.01)}


def test_rows_from_before_the_window_do_not_count() -> None:
    rows: list[tuple[float, float]] = [(1000, 5), (1100, 12), (1130, 42), (1160, 72), (1190, 102)]
    assert window_of(rows, since=10.0) == {"a": 1.0}


def test_a_program_that_counts_its_steps_again_is_measured_again() -> None:
    assert window_of([(500, 0), (600, 10), (0, 20), (40, 60), (80, 100), (120, 140)]) == {"a": 1.0}


def test_a_restart_forgets_rows_and_keeps_paces() -> None:
    window = Measurement(2)
    for interval in range(sharing.INTERVALS + 1):
        window.add({"a": Row(sharing.WINDOW_SECONDS * interval, sharing.WINDOW_SECONDS * interval)})
    window.add({"b": Row(0, 0)})
    window.restart(300.0)
    for step, at in itertools.product((0, 1), (0.0, 299.0)):
        window.add({"b": Row(step, at)})
    assert window.paces == {"a": 1.0}


@pytest.mark.parametrize(
    ("summary", "row"),
    [
        ({"_step": 3, "_timestamp": 7.5, "loss": 1.0}, Row(3, 7.5)),
        ({"loss": 1.0}, None),
        ({"_step": "3", "_timestamp": 7.5}, None),
    ],
)
def test_the_row_in_a_summary(summary: dict[str, object], row: Row | None) -> None:
    assert Row.of(summary) == row
