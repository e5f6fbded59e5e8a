"""Real trainings of agent.py: `bayes` with freeze-thaw against plain `bayes`, at equal wall clock.

    python benchmarks/real_trainings.py --out FOLDER --problems digits --seeds 0 1 2
    python benchmarks/real_trainings.py --out FOLDER --problems cifar10 --images IMAGES --seeds 0 1 2

The space is that of sweeps/quickstart.yaml. IMAGES has CIFAR-10 as train/CLASS/*.jpg and test/CLASS/*.jpg; of
each class 400 images are for training, 200 for validation and 200 for the test. Each engine is a
`litsweep run` with one agent, one thread and a server of its own. The engines of one problem and seed
work at the same time, so that other load on the machine slows all alike. When they have used the given
processor seconds (on average), each gets Ctrl-C twice: all have had the same wall clock. The best value
counts in running and paused trainings too. The test is of the checkpoint that `litsweep run` names at its
end. Results that FOLDER has are not measured again.
"""

import argparse
import json
import logging
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import wandb
import yaml
from gap import server
from lightning.pytorch import Trainer
from rich.console import Console
from rich.table import Table

from litsweep.pipeline import ImageClassifier, ImageDataModule

ROOT = Path(__file__).parents[1]
ENGINES: dict[str, dict[str, Any]] = {
    "plain": {},
    "freeze-thaw": {"litsweep": {"early_terminate": {"type": "freeze_thaw"}}},
    "hyperband": {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 3}},
}
EPOCHS = {"digits": 12, "cifar10": 10}
CPU_SECONDS = {"digits": 75, "cifar10": 340}
IMAGES_A_CLASS = {"train": ("train", 0, 400), "val": ("train", 400, 600), "test": ("test", 0, 200)}
SHARES = (0.25, 0.5, 0.75, 1.0)
Result = dict[str, Any]


def link_images(images: Path, folder: Path) -> None:
    """Make links to the chosen images, unless `folder` exists."""
    if folder.exists():
        return
    for part, (source, first, last) in IMAGES_A_CLASS.items():
        for group in sorted((images / source).iterdir()):
            chosen = folder / part / group.name
            chosen.mkdir(parents=True)
            for path in sorted(group.iterdir())[first:last]:
                (chosen / path.name).symlink_to(path.resolve())


def sweep_config(problem: str, engine: str, seed: int, out: Path) -> dict[str, Any]:
    """Return the quickstart's sweep with another problem, engine and seed, and without its run cap."""
    config = yaml.safe_load((ROOT / "sweeps/quickstart.yaml").read_text()) | ENGINES[engine]
    del config["run_cap"]
    config["litsweep"] = {"seed": seed} | config.get("litsweep", {})
    constants: dict[str, object] = {
        "seed": seed,
        "trainer.max_epochs": EPOCHS[problem],
        "data.cache": str(out / "cache"),
    }
    if problem == "cifar10":
        constants |= {"data.dataset": "imagefolder", "data.root": str(out / "images")}
    config["parameters"] |= {name: {"value": value} for name, value in constants.items()}
    return dict(config)


def measure(problem: str, engines: Sequence[str], seed: int, cpu_seconds: int, out: Path) -> list[Result]:
    """Run the engines side by side until they have used so many seconds each on average; their results."""
    folders = {engine: out / f"{problem}-{engine}-{seed}" for engine in engines}
    for engine, folder in folders.items():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "agent.py", folder)
        (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep_config(problem, engine, seed, out)))
    began = time.time()
    processes = [start(folder) for folder in folders.values()]
    used = [0.0]
    while sum(used) < cpu_seconds * len(engines):
        time.sleep(0.5)
        used = [cpu_seconds_of(process.pid) for process in processes]
    seconds = time.time() - began
    stop(processes)
    common = {"problem": problem, "seed": seed, "seconds": seconds}
    return [
        common | {"engine": engine, "cpu_seconds": cpu} | reached(folder, began, seconds, out)
        for (engine, folder), cpu in zip(folders.items(), used, strict=True)
    ]


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the sweep of a folder, in a group of processes of its own."""
    command = ["run", "sweep.yaml", "--port", "0", "--data-dir", "server", "--json", "result.json"]
    prefixes = ("WANDB_", "LITSWEEP_")
    environ = {name: text for name, text in os.environ.items() if not name.startswith(prefixes)}
    environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    with (folder / "output").open("w") as output:
        argv = [sys.executable, "-m", "litsweep", *command]
        return subprocess.Popen(
            argv, cwd=folder, env=environ, stdout=output, stderr=output, start_new_session=True
        )


def cpu_seconds_of(pid: int) -> float:
    """Return the processor seconds of a process and its descendants, with those that have ended."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])  # its own, and those of its ended children
    return total


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Send Ctrl-C twice to each, and wait until they have ended."""
    for _ in range(2):
        for process in processes:
            process.send_signal(signal.SIGINT)
        time.sleep(1)
    for process in processes:
        process.wait(timeout=120)


def reached(folder: Path, began: float, seconds: float, out: Path) -> Result:
    """Return what the sweep of a folder had reached, from its server and its checkpoints."""
    shown = json.loads((folder / "result.json").read_text())
    points = history(folder, shown["sweep"], began, seconds)
    return {
        "best": [
            max((value for at, value in points if at <= share * seconds), default=0) for share in SHARES
        ],
        "points": points,
        "runs": shown["runs"],
        "best_run": shown["best"],
        "test_acc": test_of(folder / shown["best"]["checkpoint"], out / "tests"),
    }


def history(folder: Path, sweep: str, began: float, seconds: float) -> list[tuple[float, float]]:
    """Return the second and the value of each validation, in their order, as the server has them."""
    with server(folder) as environ:
        overrides = {"base_url": environ["WANDB_BASE_URL"]}
        api = wandb.Api(overrides=overrides, api_key=environ["WANDB_API_KEY"], timeout=60)
        rows = [
            (row["_timestamp"] - began, row["val_acc"])
            for run in api.sweep(sweep).runs
            for row in run.scan_history(keys=["val_acc", "_timestamp"])
        ]
    return sorted(row for row in rows if row[0] <= seconds)


def test_of(checkpoint: Path, folder: Path) -> float:
    """Return the accuracy of a checkpoint on the test images."""
    model = ImageClassifier.load_from_checkpoint(checkpoint, weights_only=False)
    data = ImageDataModule.load_from_checkpoint(checkpoint, weights_only=False)
    trainer = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=folder)
    return float(trainer.test(model, data, verbose=False)[0]["test_acc"])


def show(results: Sequence[Result]) -> None:
    """Print the table of all results, and each engine's means."""
    table = Table(box=None)
    for heading in ("problem", "seed", "engine", *(f"at {share:g}" for share in SHARES)):
        table.add_column(heading)
    for heading in ("test_acc", "runs", "epochs", "CPU s", "s"):
        table.add_column(heading)
    for problem in EPOCHS:
        here = [result for result in results if result["problem"] == problem]
        for each in sorted(here, key=lambda each: (each["seed"], each["engine"])):
            table.add_row(problem, str(each["seed"]), each["engine"], *_cells([each]))
        for engine in ENGINES:
            if mine := [each for each in here if each["engine"] == engine]:
                table.add_row(problem, f"mean of {len(mine)}", engine, *_cells(mine))
    Console(width=140).print(table)
    for problem, seed in sorted({(each["problem"], each["seed"]) for each in results}):
        pair = {
            each["engine"]: each for each in results if (each["problem"], each["seed"]) == (problem, seed)
        }
        show_catching_up(problem, seed, pair)


def show_catching_up(problem: str, seed: int, pair: Mapping[str, Result]) -> None:
    """Print when each other engine had reached the last value of plain `bayes`."""
    if "plain" not in pair:
        return
    level = pair["plain"]["best"][-1]
    for engine, result in pair.items():
        at = next((at for at, value in result["points"] if value >= level), None)
        when = f"after {at:.0f} s" if at is not None else "never"
        print(f"{problem}, seed {seed}: {engine} reached {level:.4f} {when} of {result['seconds']:.0f} s")


def _cells(results: Sequence[Result]) -> list[str]:
    """Return the means of some results."""
    accuracies = [*zip(*(each["best"] for each in results), strict=True), [e["test_acc"] for e in results]]
    counts = [
        [sum(each["runs"].values()) for each in results],
        [len(each["points"]) for each in results],
        [each["cpu_seconds"] for each in results],
        [each["seconds"] for each in results],
    ]
    means = [f"{statistics.mean(values):.4f}" for values in accuracies]
    return [*means, *(f"{statistics.mean(values):.0f}" for values in counts)]


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    parser.add_argument("--problems", nargs="*", choices=EPOCHS, default=["digits"])
    parser.add_argument("--images", type=Path, help="folder of CIFAR-10's images, for cifar10")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["plain", "freeze-thaw"])
    parser.add_argument("--cpu-seconds", type=int, help=f"for each engine (default: {CPU_SECONDS})")
    args = parser.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if "cifar10" in args.problems:
        if not args.images:
            parser.error("cifar10 needs --images")
        link_images(args.images, out / "images")
    for problem in args.problems:
        for seed in args.seeds:
            paths = {engine: out / f"{problem}-{engine}-{seed}.json" for engine in args.engines}
            if missing := [engine for engine, path in paths.items() if not path.exists()]:
                seconds = args.cpu_seconds or CPU_SECONDS[problem]
                for result in measure(problem, missing, seed, seconds, out):
                    paths[result["engine"]].write_text(json.dumps(result, indent=1))
    show([json.loads(path.read_text()) for path in sorted(out.glob("*.json"))])


if __name__ == "__main__":
    main()
