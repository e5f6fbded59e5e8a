"""Many slots on one machine: the memory of idle slots, and the gap between runs, for 1 and for 8 slots.

    python benchmarks/slots.py [--slots 1 8] [--runs 4] [--before CHECKOUT]

`litsweep launch` runs the program of gap.py in N slots. After --runs runs a slot the sweep is paused, so
that the slots wait with everything imported. The table shows the proportional set size (PSS) of the launch's
processes without the launcher itself, and the gap: the seconds from the end of a run to the first training
step of the slot's next one. "CPU s" is the processor time of a run until its first step. With --before,
another checkout, which has its own .venv, takes turns with this one.
"""

import argparse
import re
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gap import ROOT, gaps, make_sweep, processor_times, server
from rich.console import Console
from rich.table import Table

MEBIBYTE = 1024  # in kB, the unit of smaps


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below a process."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from descendants(int(child))


def proportional_set_size(pid: int) -> float:
    """Return the PSS of a process in MiB."""
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / MEBIBYTE if found else 0.0


def stamped(folder: Path, word: str) -> int:
    """Return how many runs have stamped `word`."""
    return sum(file.read_text().count(word) for file in folder.glob("stamps*"))


def wait_for_idle_slots(folder: Path) -> None:
    """Wait until no run has begun or ended for three seconds."""
    before, since = (-1, -1), time.monotonic()
    while time.monotonic() < since + 3:
        time.sleep(0.2)
        now = stamped(folder, "step"), stamped(folder, "end")
        if now != before or now[0] != now[1]:
            before, since = now, time.monotonic()


def measure(
    checkout: Path, slots: int, runs: int, folder: Path, environ: dict[str, str]
) -> tuple[float, list[float], list[float]]:
    """Return the memory of the idle slots in MiB, the gaps, and the runs' processor times in seconds."""
    sweep = make_sweep(folder, environ, checkout)
    argv = [str(checkout / ".venv/bin/litsweep"), "launch", sweep, "--gpus", "none", "--agents", str(slots)]
    with (folder / "output").open("w") as output, subprocess.Popen(
        argv, cwd=folder, env=environ, stdout=output, stderr=output
    ) as launcher:  # fmt: skip
        while stamped(folder, "end") < runs * slots:
            time.sleep(0.2)
            assert launcher.poll() is None, (folder / "output").read_text()
        subprocess.run(["wandb", "sweep", "--pause", sweep], env=environ, capture_output=True, check=True)
        wait_for_idle_slots(folder)
        memory = sum(proportional_set_size(pid) for pid in descendants(launcher.pid))
        launcher.send_signal(signal.SIGINT)
    return memory, gaps(folder), processor_times(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--runs", type=int, default=4, help="runs of each slot")
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    args = parser.parse_args()
    checkouts = {"before": args.before, "now": ROOT} if args.before else {"now": ROOT}
    table = Table(
        "checkout", "slots", "idle MiB", "of one slot", "gaps", "median s", "min s", "max s", "CPU s"
    )
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as text, server(Path(text)) as environ:
        for slots in args.slots:
            for name, checkout in checkouts.items():
                folder = Path(text, f"{name}-{slots}")
                memory, found, used = measure(checkout, slots, args.runs, folder, environ)
                ratio = f"{memory / first.setdefault(name, memory):.2f}"
                seconds = (statistics.median(found), min(found), max(found), statistics.median(used))
                times = (f"{value:.2f}" for value in seconds)
                table.add_row(name, str(slots), f"{memory:.0f}", ratio, str(len(found)), *times)
    Console().print(table)


if __name__ == "__main__":
    main()
