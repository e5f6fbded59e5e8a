"""Every file in sweeps/ end to end, in a fast mode: stock `wandb sweep`, stock `wandb agent`, our pipeline.

Fast: digits in place of the real data, one epoch of two batches, one run. Everything else is as in the file.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live_server import LiveServer

ROOT = Path(__file__).parents[2]
SWEEPS = sorted(path.stem for path in (ROOT / "sweeps").glob("*.yaml"))
RUNS = 1
FAST: Mapping[str, Any] = {
    "data.dataset": {"value": "digits"},
    "trainer.max_epochs": {"value": 1},
    "trainer.limit_train_batches": {"value": 2},
}
SWEEP_STATE = """query ($sweep: String!) { project(name: "litsweep", entityName: "local") {
    sweep(sweepName: $sweep) { state runs { edges { node { state summaryMetrics config } } } } } }"""


@dataclass(frozen=True)
class Ended:
    """One sweep after its agent has left."""

    config: Mapping[str, Any]
    agent: int
    output: str
    state: str
    runs: list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the agents start: a person's checkout, with agent.py in it."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "agent.py").symlink_to(ROOT / "agent.py")
    return folder


@pytest.fixture(scope="module")
def ended(folder: Path, module_server: LiveServer, module_env: dict[str, str]) -> Iterator[dict[str, Ended]]:
    """All sweeps side by side, so that one's waiting is another's training."""
    configs = {name: fast(name) for name in SWEEPS}
    sweeps = {name: create(name, config, folder, module_env) for name, config in configs.items()}
    agents = {name: start_agent(sweep, folder, module_env) for name, sweep in sweeps.items()}
    try:
        yield {
            name: outcome(configs[name], sweeps[name], agent, module_server) for name, agent in agents.items()
        }
    finally:
        for agent in agents.values():
            agent.kill()
            agent.wait()


def fast(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "sweeps" / f"{name}.yaml").read_text())
    config["parameters"] |= FAST
    return config | {"run_cap": RUNS}


def create(name: str, config: Mapping[str, Any], folder: Path, env: Mapping[str, str]) -> str:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        ["wandb", "sweep", "--entity", "local", "--project", "litsweep", f"{name}.yaml"],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = re.search(r"wandb agent (\S+)", done.stderr)
    assert done.returncode == 0, done.stderr
    assert found is not None, done.stderr
    return found[1]


def start_agent(sweep: str, folder: Path, env: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["wandb", "agent", sweep],
        cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def outcome(
    config: Mapping[str, Any], sweep: str, agent: "subprocess.Popen[str]", server: LiveServer
) -> Ended:
    output, _ = agent.communicate(timeout=240)
    found = server.graphql(SWEEP_STATE, sweep=sweep.rpartition("/")[2])["project"]["sweep"]
    return Ended(
        config, agent.returncode, output, found["state"], [edge["node"] for edge in found["runs"]["edges"]]
    )


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep_runs_to_its_end(name: str, ended: dict[str, Ended]) -> None:
    sweep = ended[name]
    assert sweep.agent == 0, sweep.output
    assert sweep.state == "FINISHED"
    assert [run["state"] for run in sweep.runs] == ["finished"] * RUNS, sweep.output


@pytest.mark.parametrize("name", SWEEPS)
def test_runs_have_their_parameters_and_metrics(name: str, ended: dict[str, Ended]) -> None:
    import json

    for run in ended[name].runs:
        config = json.loads(run["config"])
        assert set(ended[name].config["parameters"]) <= set(config)
        summary = json.loads(run["summaryMetrics"])
        assert {"val_acc", "val_loss", "test_acc", "test_loss"} <= set(summary)
        assert Path(summary["checkpoint"]).is_file()
