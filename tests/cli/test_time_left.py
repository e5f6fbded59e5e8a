"""The time left on simulated clocks: it falls with time, and rises only after a run ended."""

import random
import re
from collections.abc import Iterator, Sequence

import pytest

from litsweep.launch.status import RunStatus
from litsweep.sweep.contract import RunState
from litsweep.sweep.time_left import TimeLeft, duration, rounded
from litsweep.sweep.workload import Workload


def run(begun: float, lasted: float | None, now: float, state: str = "finished", **more: object) -> RunStatus:
    """Return a run as the server has it at `now`. `lasted` is None for a running one."""
    ended = lasted is not None and begun + lasted <= now
    return RunStatus(
        "r", "r", "", RunState(state) if ended else RunState.RUNNING, {}, {}, None, None, {},
        stopped_early=bool(more.get("stopped_early")), created_at=begun,
        heartbeat_at=begun + lasted if ended and lasted is not None else now,
    )  # fmt: skip


def looks(lasting: Sequence[float], agents: int, total: int | None) -> Iterator[tuple[int, float | None]]:
    """Yield the number of ended runs and the predicted seconds left, every two seconds of a sweep."""
    free, times = [0.0] * agents, []
    for seconds in lasting:
        begun = min(free)
        free[free.index(begun)] = begun + seconds
        times.append((begun, seconds))
    time_left = TimeLeft()
    for now in range(0, int(max(free)), 2):
        runs = [run(begun, seconds, now) for begun, seconds in times if begun <= now]
        text = time_left.text(Workload.of(runs, total, agents, now))
        yield sum(not r.state.is_alive for r in runs), seconds_of(text)


def seconds_of(text: str) -> float | None:
    if not (found := re.fullmatch(r"about (.*) left", text)):
        return None if "not known" in text else 0.0
    units = {"h": 3600, "min": 60, "s": 1}
    return float(sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+) (h|min|s)", found[1])))


@pytest.mark.parametrize("agents", [1, 3])
def test_it_never_rises_while_no_run_ends(agents: int) -> None:
    draw = random.Random(1)
    lasting = [draw.choice((20.0, 60.0, 400.0)) * draw.uniform(0.8, 1.2) for _ in range(15)]
    before: tuple[int, float | None] = (0, None)
    shown = 0
    for ended, left in looks(lasting, agents, len(lasting)):
        if ended == before[0] and before[1] is not None:
            assert left is not None and left <= before[1]
        shown += left is not None
        before = ended, left
    assert shown > 50


def test_it_is_right_where_all_runs_take_the_same_time() -> None:
    said = list(looks([100.0] * 12, 2, 12))
    assert said[30] == (0, None)  # nothing has ended yet
    end = 600
    for i, (_, left) in enumerate(said[51:], 51):
        assert left is not None and abs(left - (end - 2 * i)) <= 30


def test_a_run_in_flight_counts_by_its_age() -> None:
    ended = [run(0, 100, 300), run(0, 100, 300)]
    for age, left in ((0, 100), (60, 40), (99, 1), (150, 0)):
        work = Workload.of([*ended, run(300, None, 300 + age)], 3, 1, 300 + age)
        assert work.seconds_left() == left


def test_a_run_that_waits_for_an_agent_is_not_running() -> None:
    """Retries wait like this, also in a sweep that has all its runs."""
    waiting = [
        RunStatus("r", "r", "", RunState.PENDING, {}, {}, None, None, {}, created_at=100.0) for _ in range(2)
    ]
    work = Workload.of([run(0, 10, 100), run(0, 10, 100), *waiting], 2, 1, 900)
    assert work.ages == [] and work.seconds_left() == 20


def test_a_run_that_outlasts_the_mean_is_expected_to_end_with_the_longer_ones() -> None:
    work = Workload(durations=[10, 10, 10, 110], ages=[60], waiting=0, agents=1)
    assert work.seconds_left() == 50
    assert TimeLeft().text(Workload([10, 10], [60], 0, 1)) == "running longer than the others did"


def test_the_last_round_takes_a_whole_run() -> None:
    """Five runs of a minute on two agents take three minutes, not two and a half."""
    assert Workload([60, 60], [], 5, 2).seconds_left() == 180
    assert Workload([60, 60], [], 10**6, 10).seconds_left() == pytest.approx(6 * 10**6, rel=0.001)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (Workload([], [5], 3, 1), "time left not known yet"),
        (Workload([30], [35], 3, 2), "time left not known yet"),  # the shortest of two runs
        (Workload([30, 30], [5], None, 1), "time left not known yet"),
        (Workload([30, 30], [], 5, 0), "no agent is left"),
        (Workload([30, 30], [], 0, 0), "all runs have ended"),
        (Workload([30, 30], [5], 1, 1), "about 1 min left"),
    ],
)
def test_the_words_for_the_time_left(work: Workload, said: str) -> None:
    assert TimeLeft().text(work) == said


def test_the_runs_that_count_for_the_mean_duration() -> None:
    crashed, failed = run(0, 900, 1000, "crashed"), run(0, 2, 1000, "failed")
    cut, whole = run(0, 20, 1000, stopped_early=True), run(0, 40, 1000)
    assert Workload.of([failed, crashed], 9, 1, 1000).durations == []  # nothing has worked yet
    work = Workload.of([failed, crashed, cut, whole], 9, 1, 1000)
    assert (sorted(work.durations), work.waiting) == ([2, 20, 40], 5)
    preempted = RunStatus("p", "", "", RunState.PREEMPTED, {}, {}, None, None, {}, created_at=0.0)
    assert Workload.of([whole, preempted], 9, 1, 1000).waiting == 8


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (3, "10 s"), (61, "1 min 30 s"), (600, "10 min"), (3599, "1 h"), (4000, "1 h 10 min")],
)  # fmt: skip
def test_it_is_rounded(seconds: float, said: str) -> None:
    assert duration(rounded(seconds)) == said
