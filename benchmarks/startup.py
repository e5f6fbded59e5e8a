"""The time from Enter to an answer: commands, and the first run of `litsweep run`.

    python benchmarks/startup.py [--before CHECKOUT] [--repeats 5] [--runs 2000 10000] [--no-run]

Each command runs in a new process, as in a shell. With --before, the same commands of another checkout,
which has its own .venv, run in turns with these, so that other work on the machine slows both. The table
shows the median and the range in seconds. `litsweep run` starts a sweep of three small runs. It is measured
until its first line, until the first run has called `wandb.init`, and until the command ends.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from dashboard import Size, fill
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
TOY = """
program: agent.py
method: random
run_cap: 3
metric: {name: val_acc, goal: maximize}
parameters:
  data.dataset: {value: digits}
  trainer.max_epochs: {value: 1}
  model.learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
"""
Results = dict[str, dict[str, list[float]]]


def timed(argv: Sequence[str], folder: Path, environ: dict[str, str]) -> float:
    """Return the seconds of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environ, check=True, capture_output=True)
    return time.perf_counter() - started


def timed_run(checkout: Path, environ: dict[str, str]) -> dict[str, float]:
    """Return the times of `litsweep run` with three small runs and the default agent."""
    with tempfile.TemporaryDirectory() as folder:
        sweep, data = Path(folder, "sweep.yaml"), Path(folder, "data")
        sweep.write_text(TOY)
        argv = [litsweep(checkout), "run", str(sweep), "--port", "0", "--data-dir", str(data)]
        started, found = time.perf_counter(), dict[str, float]()
        with subprocess.Popen(
            argv, cwd=checkout, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            threading.Thread(target=_note_start, args=(data, started, found), daemon=True).start()
            assert process.stderr is not None
            for _ in process.stderr:
                found.setdefault("run: first line", time.perf_counter() - started)
        found["run: three runs"] = time.perf_counter() - started
        assert process.returncode == 0, process.returncode
        return found


def _note_start(data: Path, started: float, found: dict[str, float]) -> None:
    """Note when the first run has called `wandb.init`, as the database tells."""
    import sqlite3

    while "run: three runs" not in found:
        time.sleep(0.1)
        try:
            with sqlite3.connect(f"file:{data / 'litsweep.db'}?mode=ro", uri=True) as database:
                if database.execute("SELECT 1 FROM runs WHERE started_at IS NOT NULL").fetchone():
                    found["run: first run has started"] = time.perf_counter() - started
                    return
        except sqlite3.Error:
            continue


def litsweep(checkout: Path) -> str:
    """Return the command of a checkout."""
    return str(checkout / ".venv/bin/litsweep")


def commands(checkout: Path) -> dict[str, list[str]]:
    """Return the commands that need no server."""
    return {
        "--help": [litsweep(checkout), "--help"],
        "check": [litsweep(checkout), "check", "sweeps/quickstart.yaml"],
        "agent.py --help": [str(checkout / ".venv/bin/python"), "agent.py", "--help"],
    }


def with_runs(checkout: Path, runs: int, repeats: int, environ: dict[str, str]) -> dict[str, list[float]]:
    """Return the times of the commands that ask a server with a sweep of this many runs."""
    found = defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as folder:
        sweep = fill(Path(folder), Size(runs, 10, 16, 0)).rpartition("/")[2]
        flags = ["--data-dir", folder]
        with subprocess.Popen(
            [litsweep(checkout), "serve", "--port", "0", *flags], env=environ,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as server:  # fmt: skip
            while not Path(folder, "server.json").exists():
                time.sleep(0.1)
            time.sleep(1)
            for words in (["env"], ["status"], ["status", sweep], ["best", sweep]):
                for _ in range(repeats):
                    name = f"{words[0]}{' SWEEP' * (len(words) > 1)}, {runs:,} runs"
                    seconds = timed([litsweep(checkout), *words, *flags], checkout, environ)
                    found[name].append(seconds)
            server.terminate()
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout of litsweep, to compare with")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=int, nargs="*", default=[2_000, 10_000])
    parser.add_argument("--no-run", action="store_true", help="leave out `litsweep run`")
    args = parser.parse_args()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
    checkouts = {"before": args.before, "now": ROOT} if args.before else {"now": ROOT}
    results: Results = defaultdict(lambda: defaultdict(list))
    for _ in range(args.repeats):
        for label, checkout in checkouts.items():
            for name, argv in commands(checkout).items():
                results[name][label].append(timed(argv, checkout, environ))
            for name, seconds in ({} if args.no_run else timed_run(checkout, environ)).items():
                results[name][label].append(seconds)
    for runs in args.runs:
        for label, checkout in checkouts.items():
            for name, times in with_runs(checkout, runs, args.repeats, environ).items():
                results[name][label] = times
    show(results, list(checkouts))


def show(results: Results, labels: Sequence[str]) -> None:
    """Print the median and the range of each command."""
    table = Table(title=f"Seconds, median (range); load {os.getloadavg()[0]:.1f}; Python {sys.version[:6]}")
    for heading in ("command", *labels):
        table.add_column(heading)
    for name, by_label in results.items():
        cells = [
            f"{statistics.median(times):.2f} ({min(times):.2f} - {max(times):.2f})" if times else ""
            for times in (by_label[label] for label in labels)
        ]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
