"""Which leader is repeated next, when the repeats end, and what they say."""

import numpy as np
import pytest

from litsweep.search.confirm import Candidate, confirmed, is_decided, next_repeat


def spend(means: list[float], noise: float, budget: int, seed: int) -> list[Candidate]:
    """Return the configs with these true means after their repeats."""
    rng, values = np.random.default_rng(seed), [list[float]() for _ in means]
    while True:
        candidates = [Candidate(str(i), tuple(own)) for i, own in enumerate(values)]
        chosen = next_repeat(candidates, budget)
        if chosen is None:
            return candidates
        values[int(chosen)].append(float(rng.normal(means[int(chosen)], noise)))


def test_every_config_is_repeated_twice_before_values_count() -> None:
    candidates = spend([0.0, 5.0, 9.0], 0.1, 6, seed=1)
    assert [len(each.values) for each in candidates] == [2, 2, 2]
    assert next_repeat([Candidate("a", (9.0, 9.1)), Candidate("b", (0.1,))], 10) == "b"


def test_repeats_go_to_the_configs_that_are_close_and_end_when_one_is_the_best() -> None:
    spent = np.array([[len(each.values) for each in spend([1.0, 0.0, -6.0], 1.0, 60, s)] for s in range(10)])
    assert spent[:, 2].mean() < 3 < spent[:, :2].mean()
    assert spent.sum(1).mean() < 30


def test_the_best_is_found_with_half_the_repeats_of_even_spending() -> None:
    means, problems = [0.0, -1.0, -1.5, -2.5, -3.0], 50
    found = [spend(means, 1.0, 25, seed) for seed in range(problems)]
    right = [max(each, key=lambda candidate: candidate.mean).id == "0" for each in found]
    repeats = np.mean([sum(candidate.spent for candidate in each) for each in found])
    even = 2 * int(repeats) // len(means)
    rng = np.random.default_rng(0)
    evenly = [int(np.argmax(rng.normal(means, 1 / np.sqrt(even)))) == 0 for _ in range(20 * problems)]
    assert sum(right) >= 0.9 * problems
    assert np.mean(right) >= np.mean(evenly) - 0.03


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    means = [0.0, -1.0, -2.0]
    rows = [confirmed(spend(means, 1.0, 15, seed)) for seed in range(60)]
    hits = [
        row.low is not None and row.high is not None and row.low <= mean <= row.high
        for each in rows
        for row, mean in zip(each, means, strict=True)
    ]
    assert 0.85 <= np.mean(hits) <= 0.95


def test_probabilities_add_up_and_follow_the_means() -> None:
    rows = confirmed([Candidate("a", (1.0, 1.2)), Candidate("b", (0.9, 1.1)), Candidate("c", (-4.0, -4.1))])
    chances = [row.probability or 0.0 for row in rows]
    assert sum(chances) == pytest.approx(1.0) and chances[0] > chances[1] > 0.05 > chances[2]


@pytest.mark.parametrize("values", [((1.0, 1.0), (2.0, 2.0)), ((0.0, 0.0), (1e-9, 1e-9))])
def test_without_noise_the_better_mean_is_certain(values: tuple[tuple[float, ...], ...]) -> None:
    rows = confirmed([Candidate(str(i), own) for i, own in enumerate(values)])
    assert [row.probability for row in rows] == pytest.approx([0.0, 1.0])


def test_equal_configs_share_the_probability() -> None:
    rows = confirmed([Candidate("a", (1.0, 1.0)), Candidate("b", (1.0, 1.0))])
    assert [row.probability for row in rows] == pytest.approx([0.5, 0.5])


def test_with_one_value_each_nothing_is_known_of_the_noise() -> None:
    rows = confirmed([Candidate("a", (1.0,)), Candidate("b", (5.0,)), Candidate("c")])
    assert [(row.n, row.mean) for row in rows] == [(1, 1.0), (1, 5.0), (0, None)]
    assert {(row.low, row.high, row.probability) for row in rows} == {(None, None, None)}


def test_a_running_repeat_counts_as_spent() -> None:
    a, b = Candidate("a", (1.0, 1.1), running=1), Candidate("b", (0.9, 1.0), running=1)
    assert next_repeat([a, b], 6) is None and next_repeat([a, b], 7) is not None
    assert next_repeat([Candidate("a", running=2), Candidate("b", running=2)], 9) is None


def test_one_config_gets_the_whole_budget() -> None:
    assert next_repeat([Candidate("a", (1.0,) * 4)], 5) == "a"
    assert next_repeat([Candidate("a", (1.0,) * 5)], 5) is None


def test_a_config_whose_repeats_fail_is_left_out() -> None:
    good, bad = Candidate("a", (1.0, 1.1)), Candidate("b", failed=2)
    assert next_repeat([good, bad], 9) == "a"
    assert not is_decided([good, bad]) and next_repeat([bad], 9) is None
    assert next_repeat([Candidate("a", (1.0, 1.1)), Candidate("b", (0.9,), failed=1)], 9) in ("a", "b")
