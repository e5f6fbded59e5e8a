"""Runs an hour of `litsweep launch` at several numbers of runs on each GPU, and with `--per-gpu auto`.

training.py calls this with `--launch`. The times are those in the logs of the slots. The first runs do not
count. With auto, only runs count that ended after the number was final.
"""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from gap import server

RUNS_OF_A_SLOT = 4
RUNS_OF_AUTO = 80
_ENDED = re.compile(r"^\[litsweep (\S+ \S+),(\d+)\] run \S+ ended with 0$", re.MULTILINE)
_FINAL = re.compile(r"^(\S+ \S+) GPU \S+: (stays at (\d+) runs? at a time.*)$", re.MULTILINE)
_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Rate:
    """What a launch did: runs an hour of `runs` runs, and what it says about the number."""

    an_hour: float
    runs: int
    said: str


def rates(folder: Path, parameters: Mapping[str, object], numbers: list[str], gpu: bool) -> Iterator[Rate]:
    """Yield the rate of a launch with each number (`1`, `8`, `auto`). Without a GPU they are CPU slots."""
    folder.mkdir()
    with server(folder) as environ:
        for number in numbers:
            home = folder / f"per-gpu-{number}"
            count = RUNS_OF_AUTO if number == "auto" else RUNS_OF_A_SLOT * int(number)
            sweep = _make_sweep(home, parameters, environ)
            place = ["--per-gpu", number] if gpu else ["--gpus", "none", "--agents", number]
            argv = ["litsweep", "launch", sweep, *place, "--count", str(count)]
            done = subprocess.run(argv, cwd=home, env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            yield _rate(home, number)


def _make_sweep(home: Path, parameters: Mapping[str, object], environ: dict[str, str]) -> str:
    home.mkdir()
    (home / "train.py").write_text("import sys\nfrom litsweep.pipeline import main\nsys.exit(main())\n")
    given = {name: {"value": value} for name, value in parameters.items()}
    rate = {"model.learning_rate": {"min": 0.001, "max": 0.01}}
    metric = {"name": "val_acc", "goal": "maximize"}
    sweep = {"program": "train.py", "method": "random", "metric": metric, "parameters": given | rate}
    (home / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    argv = ["wandb", "sweep", "--project", "slots", "sweep.yaml"]
    made = subprocess.run(argv, cwd=home, env=environ, capture_output=True, text=True, check=True)
    return re.findall(r"wandb agent (?:\x1b\[\d+m)?([\w/-]+)", made.stderr)[0]


def _rate(home: Path, number: str) -> Rate:
    ends = sorted(
        time.mktime(time.strptime(at, _TIME)) + int(ms) / 1000
        for log in home.glob("logs/*/slot-*.log")
        for at, ms in _ENDED.findall(log.read_text())
    )
    said, begun = "", ends[min(int(number), len(ends) - 1) - 1] if number != "auto" else ends[0]
    for notes in home.glob("logs/*/notes.txt"):
        if found := _FINAL.search(notes.read_text()):
            begun, said = time.mktime(time.strptime(found[1], _TIME)), found[2]
    counted = [end for end in ends if end > begun]
    seconds = max(counted, default=begun) - begun
    return Rate(3600 * len(counted) / seconds if seconds else 0.0, len(counted), said)
