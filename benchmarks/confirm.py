"""How well `litsweep confirm` finds the best of a sweep's leaders, against even spending of the repeats.

A problem simulates a sweep too: 50 configs with normal true values, each with one noisy value; the five
highest noisy values are the leaders. The gap is the true distance of the best leader to the second one, in
standard deviations of the noise. The truth is the mean over all seeds.

    python benchmarks/confirm.py
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from litsweep.search.confirm import Candidate, confirmed, next_repeat

CONFIGS, TOP, SEEDS = 50, 5, 5
SPREAD = 3.0  # of the configs' true values, in deviations of the noise
EVEN = range(1, 15)


@dataclass(frozen=True)
class Case:
    """Problems whose gap is in a range. `tails` is the noise; `unequal` lets it differ between configs."""

    name: str
    gap: tuple[float, float]
    tails: str = "normal"
    unequal: float = 0.0


CASES = (
    Case("gap 0.75 to 1.5 (main case)", (0.75, 1.5)),
    Case("the same, noise differs between configs", (0.75, 1.5), unequal=0.4),
    Case("the same, noise with Student t tails (4)", (0.75, 1.5), tails="t"),
    Case("gap 0.4 to 0.75", (0.4, 0.75)),
    Case("gap 1.5 to 3", (1.5, 3.0)),
    Case("any gap", (0.0, np.inf)),
)


@dataclass(frozen=True)
class Problem:
    """The leaders of a simulated sweep: their true means and the source of their repeats' values."""

    truth: np.ndarray
    draw: Callable[[int], float]


def problem(case: Case, rng: np.random.Generator) -> Problem:
    """Return the leaders of the first simulated sweep whose gap is in the case's range."""
    while True:
        means = rng.normal(0, SPREAD, CONFIGS)
        deviations = np.exp(rng.normal(0, case.unequal, CONFIGS))

        def noise(size: int) -> np.ndarray:
            return rng.normal(size=size) if case.tails == "normal" else rng.standard_t(4, size) / np.sqrt(2)

        values = means + deviations * noise(CONFIGS)
        leaders = np.argsort(-values)[:TOP]
        second, best = np.sort(means[leaders])[-2:]
        if case.gap[0] <= best - second < case.gap[1]:
            return _of_leaders(means[leaders], deviations[leaders], noise)


def _of_leaders(truth: np.ndarray, spread: np.ndarray, noise: Callable[[int], np.ndarray]) -> Problem:
    return Problem(truth, lambda i: float(truth[i] + spread[i] * noise(1)[0]))


def confirm(solved: Problem, budget: int) -> list[Candidate]:
    """Return the leaders with the repeats that `litsweep confirm` makes."""
    values: list[list[float]] = [[] for _ in range(TOP)]
    while True:
        candidates = [Candidate(str(i), tuple(own)) for i, own in enumerate(values)]
        chosen = next_repeat(candidates, budget)
        if chosen is None:
            return candidates
        values[int(chosen)].append(solved.draw(int(chosen)))


def is_right(solved: Problem, means: Sequence[float]) -> bool:
    """Return True if the leader with the highest mean is the true best."""
    return int(np.argmax(means)) == int(np.argmax(solved.truth))


@dataclass(frozen=True)
class Score:
    """Shares of right choices, the mean number of repeats, and the shares of intervals with the truth."""

    right: float
    repeats: float
    covered: float
    best_covered: float
    even: Sequence[float]


def measure(case: Case, problems: int, seeds: int, seed: int) -> Score:
    """Return the score of a case."""
    rng, right, repeats, covered, best = np.random.default_rng(seed), [], [], [], []
    even: list[list[bool]] = [[] for _ in EVEN]
    for _ in range(problems):
        solved = problem(case, rng)
        rows = confirmed(candidates := confirm(solved, TOP * seeds))
        means = [each.mean for each in candidates]
        hits = [
            row.low is not None and row.high is not None and bool(row.low <= truth <= row.high)
            for row, truth in zip(rows, solved.truth, strict=True)
        ]
        right.append(is_right(solved, means))
        repeats.append(sum(each.spent for each in candidates))
        covered += hits
        best.append(hits[int(np.argmax(means))])
        for n, found in zip(EVEN, even, strict=True):
            found.append(is_right(solved, [fmean(solved.draw(i) for _ in range(n)) for i in range(TOP)]))
    return Score(fmean(right), fmean(repeats), fmean(covered), fmean(best), [fmean(each) for each in even])


def even_repeats(score: Score) -> str:
    """Return how many repeats even spending needs for the same share of right choices."""
    needed = next((TOP * n for n, right in zip(EVEN, score.even, strict=True) if right >= score.right), None)
    return f"> {TOP * EVEN[-1]}" if needed is None else str(needed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problems", type=int, default=500, help="problems of each case")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="as of `litsweep confirm`")
    parser.add_argument("--first-seed", type=int, default=7000)
    args = parser.parse_args()
    print(f"{args.problems} problems a case, top {TOP}, --seeds {args.seeds}, seeds from {args.first_seed}\n")
    same = f"even, {TOP * args.seeds} repeats"
    print(f"| case | right | repeats | {same} | even for the same | truth in interval | of the chosen |")
    print("|---|---|---|---|---|---|---|")
    for number, case in enumerate(CASES):
        score = measure(case, args.problems, args.seeds, args.first_seed + number)
        cells = [f"{score.right:.1%}", f"{score.repeats:.1f}", f"{score.even[args.seeds - 1]:.1%}"]
        shares = [f"{score.covered:.1%}", f"{score.best_covered:.1%}"]
        print("|", " | ".join([case.name, *cells, even_repeats(score), *shares]), "|", flush=True)


if __name__ == "__main__":
    main()
