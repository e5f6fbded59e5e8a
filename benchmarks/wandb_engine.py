"""Answer questions with W&B's own sweep engine. Its separate environment runs this script.

It needs `sweeps` 0.3.0 and numpy below 2. Each line on standard input is one question in JSON,
`{"ask": ..., ...}`. Each line on standard output is its answer, `{"answer": ...}` or `{"error": ...}`.
"""

import json
import random
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
from sweeps import run as engine  # noqa: E402
from sweeps.config.cfg import schema_violations_from_proposed_config  # noqa: E402
from sweeps.params import HyperParameter  # noqa: E402


def runs_of(question):
    return [
        engine.SweepRun(
            name=run["name"],
            state=run["state"],
            config={name: {"value": value} for name, value in run["config"].items()},
            history=run["history"],
        )
        for run in question["runs"]
    ]


def grid(question):
    """Return the next `n` configs."""
    suggested = engine.next_runs(question["config"], runs_of(question), n=question["n"])
    return [
        {name: entry["value"] for name, entry in run.config.items()} for run in suggested if run is not None
    ]


def suggest(question):
    """Return the next config by the sweep's method, after seeding the global generators."""
    random.seed(question["seed"])
    np.random.seed(question["seed"])
    run = engine.next_run(question["config"], runs_of(question))
    return {name: plain(entry["value"]) for name, entry in run.config.items()}


def stop(question):
    """Return the runs to stop, and the bands and thresholds."""
    runs = runs_of(question)
    stopped = [run.name for run in engine.stop_runs(question["config"], runs)]
    info = next(run.early_terminate_info for run in runs if run.early_terminate_info)
    return {"stopped": stopped, "bands": info["bands"], "thresholds": info["thresholds"]}


def distribution(question):
    """Return the values at given quantiles, and `n` samples."""
    parameter = HyperParameter("p", question["entry"])
    random.seed(question["seed"])
    at = [plain(parameter.ppf(u)) for u in question["quantiles"]]
    return {"at": at, "samples": [plain(parameter.sample()) for _ in range(question["n"])]}


def schema(question):
    """Return the schema's errors for a config."""
    return schema_violations_from_proposed_config(question["config"])


def plain(value):
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


QUESTIONS = {"grid": grid, "suggest": suggest, "stop": stop, "distribution": distribution, "schema": schema}


def main():
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": QUESTIONS[question["ask"]](question)}
        except Exception as error:  # an error of the engine is an answer too
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
