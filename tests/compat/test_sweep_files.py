"""Sweep files as people write them: `litsweep check`, `wandb sweep`, three suggestions and one run each.

`sweep_files/wandb.json` holds the answers of W&B's own engine, recorded by benchmarks/wandb_sweep_files.py.
"""

import json
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from litsweep import Controller, parse_sweep
from litsweep.cli import main
from litsweep.sweep.config import SweepConfig
from tests.compat.stock import Env, python, wandb

FOLDER = Path(__file__).with_name("sweep_files")
FILES = sorted(FOLDER.glob("*.yaml"))
RECORDED: dict[str, Any] = json.loads((FOLDER / "wandb.json").read_text())
FIRST_RUN_AGENTS = 3
CREATE = """
import sys
from wandb.cli.cli import cli
for path in sys.argv[1:]:
    print("FILE", path, file=sys.stderr)
    cli(["sweep", "--project", "files", path], standalone_mode=False)
"""
READ = """
import json
import wandb
found = {}
for path in PATHS:
    sweep = wandb.Api().sweep(path)
    best = sweep.best_run()
    runs = [{"state": run.state, "config": dict(run.config), "argv": run.summary.get("argv"),
             "passed": run.summary.get("passed")} for run in sweep.runs]
    found[path] = {"runs": runs, "best": best and best.id}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sweep files and their program."""
    return Path(shutil.copytree(FOLDER, tmp_path_factory.mktemp("files") / "project"))


@pytest.fixture(scope="module")
def sweeps(folder: Path, module_env: dict[str, str]) -> Mapping[str, str]:
    """The path of the sweep that the stock `wandb sweep` creates from each file."""
    code = f"import sys\nsys.argv[1:] = {[path.name for path in FILES]}\n{CREATE}"
    done = python(code, module_env, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    created = re.findall(r"FILE (\S+)\n(?:(?!FILE).*\n)*?.*wandb agent (\S+)", done.stderr)
    return dict(created)


def names(config: SweepConfig, wire: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The keys of a run's config, and the dotted names of its parameters."""
    return sorted(wire), sorted(config.flatten(wire))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_check_accepts_it(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert main(["check", path.name]) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_three_suggestions_are_like_those_of_wandb(path: Path) -> None:
    config = parse_sweep(path.read_text())
    suggested = [config.nest(suggestion.parameters) for suggestion in Controller(config).ask(3)]
    recorded = RECORDED[path.name]["configs"].get("answer", [])
    if config.method == "grid" and recorded:
        assert suggested == recorded[: config.run_cap]
    elif all(recorded) and recorded:  # W&B's engine raises for the others
        # W&B's random search repeats the configs of a small space.
        assert len(suggested) == min(3, config.space.size)
        assert [names(config, one) for one in suggested] == [names(config, one) for one in recorded][
            : len(suggested)
        ]
    else:
        assert suggested


def test_stock_client_creates_them_all(sweeps: Mapping[str, str]) -> None:
    assert set(sweeps) == {path.name for path in FILES}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_one_run_each(sweeps: Mapping[str, str], folder: Path, module_env: Env) -> None:
    def work(path: str) -> None:
        done = wandb("agent", "--count", "1", path, env=module_env, folder=folder, timeout=300)
        assert done.returncode == 0, f"{path}: {done.stderr}"

    with ThreadPoolExecutor(FIRST_RUN_AGENTS) as pool:
        list(pool.map(work, sweeps.values()))
    done = python(READ.replace("PATHS", repr(list(sweeps.values()))), module_env, folder, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for name, path in sweeps.items():
        (run,) = found[path]["runs"]
        config = parse_sweep((FOLDER / name).read_text())
        assert run["state"] == "finished", name
        assert run["config"] == config.nest(config.flatten(run["config"])), name
        assert run["config"], name
        if config.metric:
            assert found[path]["best"], name
        if name.startswith("33"):
            assert run["passed"] == "a b"
