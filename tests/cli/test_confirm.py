"""`litsweep confirm`: the best configs of a real sweep run again, and the command's messages."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from litsweep.cli import main
from tests.cli.test_retry import connected
from tests.compat.stock import Env, wandb
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

assert connected  # the fixture

# The first run of a=2 is lucky. With other seeds a=1 is clearly better.
TRAIN = """
import argparse, wandb
parser = argparse.ArgumentParser()
parser.add_argument("--a", type=int)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
with wandb.init() as run:
    run.log({"loss": options.a + 0.01 * (options.seed % 2)})
"""
GRID = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters: {a: {values: [1, 2, 3]}}
"""


def new_sweep(server: LiveServer, config: str = GRID) -> str:
    made = server.graphql(UPSERT_SWEEP, config=config)["upsertSweep"]["sweep"]["name"]
    return f"local/p/{made}"


def finished_sweep(server: LiveServer, config: str = GRID, metric: str = "loss") -> str:
    """Return a sweep whose runs have ended, as if agents had run a program that was lucky with a=2."""
    sweep = new_sweep(server, config)
    run_all(server, sweep, {1: 1.0, 2: 0.5, 3: 9.0}, metric)
    return sweep


def run_all(server: LiveServer, sweep: str, losses: dict[int, float], metric: str = "loss") -> None:
    """Run what the sweep has to run as its agents would. `losses` are by the value of `a`."""
    name = sweep.rpartition("/")[2]
    agent = server.graphql(CREATE_AGENT, sweep=name)["createAgent"]["agent"]["id"]
    while command := json.loads(server.graphql(HEARTBEAT, id=agent)["agentHeartbeat"]["commands"])[0]:
        if command["type"] == "exit":
            return
        run, a = command["run_id"], command["args"]["a"]["value"]
        server.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=name)
        row = json.dumps({"_step": 0, metric: losses[a]})
        files = {"wandb-history.jsonl": {"offset": 0, "content": [row]}}
        server.post(f"/files/local/p/{run}/file_stream", {"files": files, "complete": True, "exitcode": 0})
    raise AssertionError("the agent was not told to exit")


def test_the_best_configs_run_again_with_other_seeds(
    connected: Env, module_server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    sweep = finished_sweep(module_server)
    words = [
        "confirm",
        sweep,
        "--top",
        "2",
        "--seed-parameter",
        "seed",
        "--gpus",
        "none",
        "--json",
        "out.json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "litsweep", *words],
        env=dict(connected), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text())
    best, other = result["configs"]
    assert (best["title"], other["title"]) == ("run-1", "run-2") and result["is_decided"]
    assert result["repeats"] == best["n"] + other["n"] < 10
    assert "run-1 is the best config with probability" in done.stdout and "90% interval" in done.stdout

    assert main(["best", sweep, "--json", str(tmp_path / "best.json")]) == 0
    shown = capsys.readouterr().out
    assert "Best run: run-2" in shown and "run-1 is the best config with probability" in shown
    confirmed = json.loads((tmp_path / "best.json").read_text())["confirmed"]
    assert confirmed["configs"] == result["configs"]
    entity, project, name = sweep.split("/")
    page = urllib.request.Request(f"{module_server.url}/{entity}/{project}/sweeps/{name}")
    page.add_header("Authorization", module_server.authorization)
    with urllib.request.urlopen(page, timeout=60) as response:
        html = response.read().decode()
    assert "Repeats of the best configs" in html and f'/runs/{best["id"]}">run-1</a>' in html
    assert main(["confirm", sweep, "--top", "2", "--seed-parameter", "seed", "--queue"]) == 0
    assert f"Sweep {sweep} needs no more repeats" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_the_command_that_runs_a_repeat_again_has_its_seed(
    module_server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = finished_sweep(module_server)
    assert main(["confirm", sweep, "--top", "2", "--seeds", "1", "--seed-parameter", "seed", "--queue"]) == 0
    run_all(module_server, sweep, {1: 0.1, 2: 2.0})
    assert main(["best", sweep, "--json", str(tmp_path / "best.json")]) == 0
    assert re.search(r"Repeat it: .* --a=1 --seed=1$", capsys.readouterr().out, re.MULTILINE)
    assert json.loads((tmp_path / "best.json").read_text())["best"]["parameters"] == {"a": 1, "seed": 1}


def test_stock_agents_run_queued_repeats(
    connected: Env, module_server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    config = GRID.replace("{a:", "{seed: {value: 0}, a:")
    sweep = finished_sweep(module_server, config)
    assert main(["confirm", sweep, "--top", "2", "--seeds", "2", "--queue"]) == 0
    assert f"wandb agent {sweep}" in capsys.readouterr().err
    wandb("agent", sweep, env=connected, folder=tmp_path)
    assert main(["best", sweep]) == 0
    assert "run-1 is the best config with probability" in capsys.readouterr().out


@pytest.mark.usefixtures("connected")
def test_a_sweep_without_a_seed(module_server: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = finished_sweep(module_server)
    assert main(["confirm", sweep]) == 1
    err = capsys.readouterr().err
    assert f"sweep {sweep} has no parameter for the seed, so its repeats would all be equal" in err
    assert "--seed-parameter NAME" in err and "`seed: {value: 0}` under `parameters`" in err
    sweep = finished_sweep(module_server, metric="los")
    assert main(["confirm", sweep, "--seed-parameter", "seed"]) == 1
    assert (
        "has no finished run with a value of loss, so there is nothing to repeat" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("connected")
def test_a_sweep_that_has_not_ended_or_does_not_exist(
    module_server: LiveServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = new_sweep(module_server)
    assert main(["confirm", sweep, "--seed-parameter", "seed"]) == 1
    assert "is pending, so its leaders may change" in capsys.readouterr().err
    assert main(["confirm", "local/p/nosweep1"]) == 1
    assert "there is no sweep local/p/nosweep1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--top", "0"], "'0' is not a whole number above 0"),
        (["--seeds", "x"], "'x' is not a whole number above 0"),
    ],
)
def test_a_wrong_call(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["confirm", "local/p/abc", *arguments])
    assert exit.value.code == 2 and said in capsys.readouterr().err
