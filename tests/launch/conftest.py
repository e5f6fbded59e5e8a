"""Fixtures: a sweep on a real server, of a program that trains in no time."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.launch import process
from litsweep.launch.local import launch
from litsweep.launch.options import LaunchOptions, LaunchOutcome
from litsweep.launch.protocol import AgentApi, SweepPath
from tests.live_server import LiveServer

QUICK = """
import os, sys, time, wandb
x = float(sys.argv[1].partition("=")[2])
with wandb.init() as run:
    for epoch in range(3):
        run.log({"loss": (x - 0.3) ** 2 + epoch, "epoch": epoch})
    run.log({"table": wandb.Table(columns=["x"], data=[[x]])})  # by way of a folder made at import
    run.summary["device"] = os.environ.get("CUDA_VISIBLE_DEVICES")
    run.summary["slot"] = int(os.environ["LITSWEEP_SLOT"].rpartition(":")[2])
"""

CREATE_SWEEP = """mutation Create($config: String!, $project: String!) {
  upsertSweep(input: {config: $config, entityName: "local", projectName: $project}) { sweep { name } } }"""


@dataclass(frozen=True)
class Bench:
    """A sweep, its server and its working folder."""

    sweep: str
    folder: Path
    environ: dict[str, str]
    api: AgentApi

    def launch(self, driver: Callable[[], str] = str, **options: Any) -> LaunchOutcome:
        return launch(self.sweep, LaunchOptions(environ=self.environ, **options), driver=driver)

    def runs(self) -> list[dict[str, Any]]:
        """Return name, state and summary of every run from the public API."""
        query = """query Runs($e: String!, $p: String!) { project(name: $p, entityName: $e) {
            runs(first: 500) { edges { node { name state summaryMetrics historyLineCount config } } } } }"""
        data = self.api._call(query, e=self.api.path.entity, p=self.api.path.project)
        nodes = [edge["node"] for edge in data["project"]["runs"]["edges"]]
        return [{**node, "summary": json.loads(node["summaryMetrics"] or "{}")} for node in nodes]

    def states(self) -> Counter[str]:
        return Counter(run["state"] for run in self.runs())

    def logs(self) -> list[Path]:
        """Return the logs of the slots."""
        return list(self.folder.glob("logs/*/slot-*.log"))

    def left_over(self) -> list[int]:
        """Return the processes that were started for this sweep and still live."""
        return process.marked(f"WANDB_DIR={self.environ['WANDB_DIR']}")


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(
    server: LiveServer, client_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeBench:
    """Return a function that makes a sweep of `script`: a random search over x, changed by `config`."""

    def make(script: str = QUICK, project: str = "p", **config: Any) -> Bench:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "train.py").write_text(script)
        default = {
            "program": "train.py",
            "method": "random",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {"x": {"min": 0.0, "max": 1.0}},
        }
        text = yaml.safe_dump(default | config)
        made = server.graphql(CREATE_SWEEP, config=text, project=project)["upsertSweep"]["sweep"]
        path = SweepPath("local", project, made["name"])
        return Bench(str(path), tmp_path, client_env, AgentApi(server.url, server.key, path))

    return make
