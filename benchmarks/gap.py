"""The gap between runs: from the end of one run to the first training step of the next, on one slot.

The stock `wandb agent` and `litsweep launch` (its warm agent) take turns on one server, with the same
program, parameters and number of runs. A run is agent.py's own pipeline, one epoch on scikit-learn's digits.
It ends when the W&B run is finished. Its first step is the optimizer's first.

    python benchmarks/gap.py --runs 6 --rounds 2
"""

import argparse
import itertools
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from litsweep.launch.devices import cpu_count

PROGRAM = """
import os, sys, time
from torch.optim.optimizer import register_optimizer_step_pre_hook
import IMPORTS
from litsweep.pipeline import main

def stamp(word):
    slot = os.environ.get("LITSWEEP_SLOT", "").rpartition(":")[2]
    with open("stamps" + slot, "a") as stamps:
        print(word, time.time(), time.process_time(), file=stamps)

steps = []

def first_step(*_):
    if not steps:
        steps.append(1)
        stamp("step")

register_optimizer_step_pre_hook(first_step)
code = main()
stamp("end")
sys.exit(code)
"""
# What the launcher imports for a program that only calls main(); `before` in checkouts without early.py.
IMPORTS = {
    "now": "litsweep.pipeline.early",
    "before": "litsweep.pipeline.experiment, sklearn.datasets, wandb.sdk.launch.inputs.internal",
}
ROOT = Path(__file__).parents[1]
SWEEP = """
program: train.py
method: random
metric: {name: val_acc, goal: maximize}
parameters:
  data.dataset: {value: digits}
  trainer.max_epochs: {value: 1}
  model.learning_rate: {min: 0.001, max: 0.01}
"""


@contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of a new server."""
    argv = [sys.executable, "-m", "litsweep", "serve", "--data-dir", str(folder / "server"), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None, "a pipe was asked for"
        line = process.stdout.readline()
        url = re.search(r"WANDB_BASE_URL=['\"]?([^'\"\s]+)", line)
        assert url, f"the server has not said its address, but {line!r}"
        key = (folder / "server" / "api_key").read_text().strip()
        own = {"WANDB_BASE_URL": url[1], "WANDB_API_KEY": key}
        try:
            yield {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        finally:
            process.terminate()


def make_sweep(folder: Path, environ: dict[str, str], checkout: Path = ROOT) -> str:
    """Create a folder with the program and a sweep of it."""
    folder.mkdir()
    parts = "now" if (checkout / "src/litsweep/pipeline/early.py").exists() else "before"
    (folder / "train.py").write_text(PROGRAM.replace("IMPORTS", IMPORTS[parts]))
    (folder / "sweep.yaml").write_text(SWEEP)
    argv = ["wandb", "sweep", "--project", "gap", "sweep.yaml"]
    made = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return re.findall(r"wandb agent (?:\x1b\[\d+m)?([\w/-]+)", made.stderr)[0]


def gaps(folder: Path) -> list[float]:
    """Return the seconds from each `end` to the next `step` in the same slot."""
    found = []
    for file in folder.glob("stamps*"):
        stamps = [line.split() for line in file.read_text().splitlines()]
        pairs = itertools.pairwise((word, float(at)) for word, at, _ in stamps)
        found += [later - at for (word, at), (then, later) in pairs if (word, then) == ("end", "step")]
    return found


def processor_times(folder: Path) -> list[float]:
    """Return the processor seconds of each run's process until its first step."""
    stamps = [line.split() for file in folder.glob("stamps*") for line in file.read_text().splitlines()]
    return [float(seconds) for word, _, seconds in stamps if word == "step"]


def measure(runs: int, rounds: int) -> dict[str, list[float]]:
    """Return the gaps of each agent."""
    commands = {
        "wandb agent": lambda sweep: ["wandb", "agent", "--count", str(runs), sweep],
        "litsweep launch": lambda sweep: [
            "litsweep", "launch", sweep, "--gpus", "none", "--count", str(runs),
        ],
    }  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as text, server(Path(text)) as environ:
        for turn, (name, command) in itertools.product(range(rounds), commands.items()):
            folder = Path(text, f"{name.replace(' ', '-')}-{turn}")
            sweep = make_sweep(folder, environ)
            with (folder / "output").open("w") as output:
                subprocess.run(
                    command(sweep), cwd=folder, env=environ, stdout=output, stderr=output, check=True
                )
            found[name] += gaps(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=8, help="runs of each agent in each round")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    found = measure(args.runs, args.rounds)
    versions = ", ".join(f"{name} {version(name)}" for name in ("wandb", "torch", "lightning"))
    print(f"gap between runs in seconds; {cpu_count()} CPUs ({platform.machine()}), {versions}")
    print(f"{'agent':<16} {'n':>4} {'median':>7} {'min':>7} {'max':>7} {'stdev':>7}")
    for name, values in found.items():
        numbers = (statistics.median(values), min(values), max(values), statistics.stdev(values))
        print(f"{name:<16} {len(values):>4} " + " ".join(f"{number:>7.2f}" for number in numbers))
    stock, ours = (statistics.median(values) for values in found.values())
    print(f"ratio of the medians: {stock / ours:.1f}")


if __name__ == "__main__":
    main()
