"""Compare litsweep's interpretation of sweep configs with W&B's own engine, over generated cases.

    python benchmarks/wandb_parity.py --env /tmp/environments --cases 2000

`--env` is a folder for the engine's environment (`sweeps` 0.3.0 needs numpy below 2), created on first use.
It compares grid points and their order, also with part of the grid tried; hyperband's bands, thresholds and
stops; each distribution's values at given quantiles and its samples; and which configs are refused. Samples
of numbers are compared by the two-sample Kolmogorov-Smirnov test, others by chi-squared. docs/sweep-yaml.md
lists the deliberate differences. Other differences are printed, and the exit code is 1.
"""

import argparse
import json
import math
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from interpreters import interpreter, keep_in
from rich.console import Console
from rich.progress import track
from scipy import stats
from wandb_cases import distribution_case, grid_case, schema_case, stop_case, tried_runs

from litsweep.errors import ConfigError
from litsweep.search.grid import GridSearch
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.hyperband import Hyperband, brackets, thresholds
from litsweep.sweep.run import Run
from litsweep.sweep.values import is_number

Json = Any
SAME = "same"
BOTH_REFUSE = "both refuse"
UNEXPLAINED = "UNEXPLAINED"
LEAST_P = 1e-6
"""A sample comparison fails below this p-value. Of 2,000 equal pairs, this happens in one of 500 runs."""


class Engine:
    """W&B's engine in a separate process."""

    def __init__(self, env: Path) -> None:
        keep_in(env)
        python = interpreter("wandb")
        script = Path(__file__).with_name("wandb_engine.py")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([python, "-W", "ignore", script], text=True, **pipes)

    def ask(self, question: Json) -> Json:
        """Return `{"answer": ...}` or `{"error": ...}`."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare_grid(case: Json, theirs: Json) -> str:
    """Compare the points and their order."""
    try:
        config = parse_sweep(case["config"])
    except ConfigError as error:
        return BOTH_REFUSE if "error" in theirs else f"ours refuses: {error}"
    runs = [as_run(config, run) for run in case["runs"]]
    tried = {config.space.key(run.parameters) for run in runs}
    points = GridSearch(config, 0).suggest(runs, tried, case["n"])
    ours = [config.nest(point.parameters) for point in points]
    if "error" in theirs:
        return f"theirs fails: {theirs['error']}"
    if ours == theirs["answer"]:
        return SAME
    alone = "constants alone: " if config.space.size == 1 else ""
    return f"{alone}ours {ours[:5]}, theirs {theirs['answer'][:5]}"


def as_run(config: SweepConfig, run: Json) -> Run:
    return Run(run["name"], config.flatten(run["config"]), RunState(run["state"]), run["history"])


def compare_stop(case: Json, theirs: Json) -> str:
    """Compare the bands, the thresholds of the bands that a run reached, and the stopped runs."""
    try:
        config = parse_sweep(case["config"])
    except ConfigError as error:
        return BOTH_REFUSE if "error" in theirs else f"ours refuses: {error}"
    if "error" in theirs:
        return f"theirs fails: {theirs['error']}"
    rule, metric = config.early_terminate, config.metric
    assert isinstance(rule, Hyperband)
    assert metric is not None
    curves = [LearningCurve.of(as_run(config, run), metric) for run in case["runs"]]
    bands = [band for band in theirs["answer"]["bands"] if band <= 1e15]
    limits = dict(zip(theirs["answer"]["bands"], theirs["answer"]["thresholds"], strict=True))
    reached = {band: limit for band, limit in limits.items() if limit < math.inf}
    ours = (brackets(rule), {band: limit for band, (limit, _) in thresholds(rule, curves).items()})
    if ours != (bands, reached):
        return f"ours {ours}, theirs {(bands, reached)}"
    stops = [decision.id for decision in rule.decide(curves)]
    return SAME if stops == theirs["answer"]["stopped"] else f"ours stops {stops}, theirs {theirs['answer']}"


def compare_distribution(case: Json, theirs: Json) -> str:
    """Compare the values at the same quantiles, and test whether the samples differ."""
    method = {"method": "random", "parameters": {"p": case["entry"]}}
    try:
        distribution = parse_sweep(method).space.by_name["p"].distribution
    except ConfigError as error:
        return BOTH_REFUSE if "error" in theirs else f"ours refuses: {error}"
    if "error" in theirs:
        return f"theirs fails: {theirs['error']}"
    at = [distribution.ppf(u) for u in case["quantiles"]]
    repeated = len(set(map(repr, case["entry"].get("values", [])))) < len(case["entry"].get("values", []))
    if not repeated and not all(map(is_close, at, theirs["answer"]["at"])):
        return f"ours {at[:3]}, theirs {theirs['answer']['at'][:3]}"
    rng = np.random.default_rng(case["seed"])
    samples = [distribution.sample(rng) for _ in range(case["n"])]
    p = p_of_equality(samples, theirs["answer"]["samples"])
    return SAME if p > LEAST_P else f"samples differ, p = {p:.1e}"


def is_close(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return type(a) is type(b) and a == b


def name_of(value: Json) -> str:
    return "0" if is_number(value) and value == 0 else repr(value)  # 0 and -0.0 are one value


def p_of_equality(ours: list[Json], theirs: list[Json]) -> float:
    """Return the p-value of the hypothesis that both samples have the same distribution."""
    named = [[name_of(value) for value in sample] for sample in (ours, theirs)]
    names = sorted({*named[0], *named[1]})
    if len(names) > 50:
        return float(stats.ks_2samp(ours, theirs).pvalue)
    table = [[Counter(sample)[name] for name in names] for sample in named]
    return 1.0 if len(names) == 1 else float(stats.chi2_contingency(table).pvalue)


def compare_schema(case: Json, theirs: Json) -> str:
    """Compare whether the config is refused; deprecated distributions, only a warning here, are skipped."""
    refused = violations(theirs)
    try:
        parse_sweep(case["config"])
    except ConfigError as error:
        return BOTH_REFUSE if refused else f"ours refuses: {error}"
    unknown = [key for key in case["config"] if key in ("values", "q", "min", "goal", "sigma", "extra")]
    place = "top-level keys unknown: " if unknown else ""
    return f"{place}theirs refuses: {refused}" if refused else SAME


def violations(theirs: Json) -> list[str]:
    found = [theirs["error"]] if "error" in theirs else theirs["answer"]
    return [text for text in found if "where min/max specify base-e exponents" not in text]


DELIBERATE = {
    "string indices must be integers": "crashes on a prior run that has text instead of nested parameters",
    "constants alone": "ends a grid of constants after any run, even one outside the grid",
    "sigma: must be greater than 0": "takes sigma 0, then samples NaN",
    ".a: must be greater than 0": "takes beta with a or b 0, then samples NaN",
    ".b: must be greater than 0": "takes beta with a or b 0, then samples NaN",
    "both have a decimal point": "takes bounds mixing integer and float, which the wandb client refuses",
    "method: bayes cannot work without it": "takes bayes without metric, then raises at the first suggestion",
    "cannot be part of a grid": "takes a continuous parameter in a grid, then raises at the first suggestion",
    "None is not of type": "refuses an empty text or command",
    "top-level keys unknown": "refuses unknown top-level keys, of which W&B cloud only warns",
}
"""Words in a difference, and what W&B's engine does there. docs/sweep-yaml.md lists the differences."""

FROZEN = {"grid": 50, "stop": 80, "distribution": 90, "schema": 120}
"""The number of cases of each part that `--freeze` writes, of the small and equal ones."""


def explained(verdict: str) -> str | None:
    """Return the documented reason for a difference."""
    return next((reason for words, reason in DELIBERATE.items() if words in verdict), None)


COMPARISONS = {
    "grid": compare_grid,
    "stop": compare_stop,
    "distribution": compare_distribution,
    "schema": compare_schema,
}
CASES = {"stop": stop_case, "distribution": distribution_case, "schema": schema_case}


def answered(engine: Engine, part: str, rng: random.Random) -> tuple[Json, Json]:
    """Return a case with W&B's answer; a grid case has part of the grid tried."""
    if part != "grid":
        case = CASES[part](rng)
        return case, engine.ask(case)
    case = grid_case(rng)
    whole = engine.ask({**case, "n": 400})
    case["runs"] = tried_runs(rng, whole.get("answer", []))
    return case, engine.ask(case)


def compare(engine: Engine, part: str, n: int, seed: int, frozen: list[Json]) -> Counter[str]:
    """Return the outcomes of `n` cases of one part with their counts; add small equal cases to `frozen`."""
    rng, outcomes, kept = random.Random(f"{seed}/{part}"), Counter[str](), 0
    for _ in track(range(n), part, console=Console(stderr=True), transient=True):
        case, theirs = answered(engine, part, rng)
        verdict = COMPARISONS[part](case, theirs)
        outcome = verdict if verdict in (SAME, BOTH_REFUSE) else explained(verdict)
        outcomes[outcome or UNEXPLAINED] += 1
        if outcome is None:
            print(part, json.dumps(case), verdict, "", sep="\n")
        if outcome in (SAME, BOTH_REFUSE) and kept < FROZEN[part]:
            compact = shortened(case, theirs)
            if len(json.dumps(compact)) < 800:
                frozen.append(compact)
                kept += 1
    return outcomes


def shortened(case: Json, theirs: Json) -> Json:
    """Return the case without the parts that its test does not use."""
    answer = theirs.get("answer")
    if case["ask"] == "distribution":
        case = {"ask": case["ask"], "entry": case["entry"], "quantiles": case["quantiles"][:8]}
        answer = answer and answer["at"][:8]
    elif case["ask"] == "stop" and answer:
        limits = [limit for limit in answer["thresholds"] if limit < math.inf]
        answer = {**answer, "bands": answer["bands"][:9], "thresholds": limits}
    elif case["ask"] == "schema":
        answer = bool(answer is None or violations(theirs))
    return {**case, "wandb": answer}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", type=Path, required=True, help="folder of the engine's environment")
    parser.add_argument("--cases", type=int, default=2000, help="cases of each of the four parts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--freeze", type=Path, help="also save small cases with W&B's answers, for the tests")
    args = parser.parse_args()
    engine = Engine(args.env)
    frozen: list[Json] = []
    unexplained = 0
    for part in COMPARISONS:
        outcomes = compare(engine, part, args.cases, args.seed, frozen)
        unexplained += outcomes[UNEXPLAINED]
        print(f"{part:13}", "; ".join(f"{outcome}: {n}" for outcome, n in outcomes.most_common()), flush=True)
    engine.close()
    if args.freeze:
        args.freeze.write_text("[\n" + ",\n".join(json.dumps(case) for case in frozen) + "\n]\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
