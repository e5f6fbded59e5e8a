"""`wandb sweep` and `wandb agent`, stock, against a server in another process."""

import json
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.compat.stock import Env, create_sweep, python, start, wandb
from tests.live_server import LiveServer

TRAIN = """
import wandb
with wandb.init() as run:
    for step in range(3):
        run.log({"loss": (run.config["a"] - 2) ** 2 + run.config["b"] + 1 / (step + 1)})
"""
GRID = """
program: train.py
method: grid
metric: {{name: loss, goal: minimize}}
parameters:
  a: {{values: {a}}}
  b: {{values: {b}}}
"""
READ = """
import json, sys
import wandb
sweep = wandb.Api().sweep(sys.argv[1])
runs = [{"id": run.id, "state": run.state, "config": dict(run.config), "rows": len(list(run.scan_history()))}
        for run in sweep.runs]
best = sweep.best_run()
print(json.dumps({"state": sweep.state, "runs": runs, "best": best and dict(best.config)}))
"""


def read(sweep: str, env: Env, folder: Path) -> dict[str, Any]:
    """A sweep through the stock public API."""
    done = python(READ.replace("sys.argv[1]", repr(sweep)), env, folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_grid(env: Env, folder: Path, a: list[int], b: list[int]) -> tuple[list[int], dict[str, Any]]:
    (folder / "train.py").write_text(TRAIN)
    sweep = create_sweep(GRID.format(a=a, b=b), env, folder)
    agents = [start(["-m", "wandb", "agent", sweep], env, folder) for _ in range(2)]
    return [agent.wait(timeout=280) for agent in agents], read(sweep, env, folder)


def check_grid(found: dict[str, Any], size: int) -> None:
    assert found["state"] == "FINISHED"
    assert [run["state"] for run in found["runs"]] == ["finished"] * size
    assert len({tuple(sorted(run["config"].items())) for run in found["runs"]}) == size
    assert {run["rows"] for run in found["runs"]} == {3}
    assert found["best"] == {"a": 2, "b": 0}


def test_two_agents_on_a_grid(client_env: dict[str, str], tmp_path: Path) -> None:
    codes, found = run_grid(client_env, tmp_path, a=[1, 2], b=[0, 1])
    assert codes == [0, 0]
    check_grid(found, 4)


@pytest.mark.slow
def test_two_agents_on_24_points(client_env: dict[str, str], tmp_path: Path) -> None:
    codes, found = run_grid(client_env, tmp_path, a=[0, 1, 2, 3], b=[0, 1, 2, 3, 4, 5])
    assert codes == [0, 0]
    check_grid(found, 24)


@pytest.mark.slow
def test_agents_outlive_the_server(server: LiveServer, client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN.replace("import wandb", "import time, wandb; time.sleep(1)"))
    sweep = create_sweep(GRID.format(a=[1, 2, 3], b=[0, 1]), client_env, tmp_path)
    agents = [start(["-m", "wandb", "agent", sweep], client_env, tmp_path) for _ in range(2)]
    for _ in range(3):
        time.sleep(6)
        server.kill()
        time.sleep(1)
        server.start()
    assert [agent.wait(timeout=120) for agent in agents] == [0, 0]
    check_grid(read(sweep, client_env, tmp_path), 6)


WAIT = """
import time
import wandb
with wandb.init() as run:
    for step in range(600):
        run.log({"loss": step})
        time.sleep(0.1)
"""


def wait_for_state(server: LiveServer, sweep: str, *states: str) -> list[str]:
    """Until the sweep's runs are in `states`, in order of creation."""
    query = """query Q($name: String!) { project(name: "p", entityName: "local") { sweep(sweepName: $name) {
                 runs { edges { node { state historyLineCount } } } } } }"""
    found: list[str] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        project = server.graphql(query, name=sweep.split("/")[-1])["project"]
        nodes = [edge["node"] for edge in project["sweep"]["runs"]["edges"]]
        found = [node["state"] for node in nodes]
        if found == list(states) and all(node["historyLineCount"] for node in nodes):
            return found
        time.sleep(0.2)
    raise AssertionError(f"runs are {found}, not {states}")


def test_pause_resume_and_cancel(server: LiveServer, client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WAIT)
    sweep = create_sweep(GRID.format(a=[1, 2], b=[0]), client_env, tmp_path)
    agent = start(["-m", "wandb", "agent", sweep], client_env, tmp_path)
    wait_for_state(server, sweep, "running")
    for verb in ("--pause", "--resume", "--cancel"):
        done = wandb("sweep", verb, sweep, env=client_env, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    assert agent.wait(timeout=60) == 0
    wait_for_state(server, sweep, "killed")
    done = wandb("sweep", "--pause", sweep, env=client_env, folder=tmp_path)
    assert done.returncode != 0 and "Cannot pause canceled sweep" in done.stderr
    id = sweep.rpartition("/")[2]
    changes = server.get(f"/-/data/local/p/sweeps/{id}/changes")["changes"]
    assert [(each["what"].split()[0], each["before"], each["after"], each["who"]) for each in changes] == [
        ("cancel", "running", "canceled", "API key"),
        ("resume", "paused", "running", "API key"),
        ("pause", "running", "paused", "API key"),
    ]


@pytest.mark.slow
def test_stop_lets_the_run_finish(server: LiveServer, client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WAIT.replace("600", "40"))
    sweep = create_sweep(GRID.format(a=[1, 2], b=[0]), client_env, tmp_path)
    agent = start(["-m", "wandb", "agent", sweep], client_env, tmp_path)
    wait_for_state(server, sweep, "running")
    assert wandb("sweep", "--stop", sweep, env=client_env, folder=tmp_path).returncode == 0
    assert agent.wait(timeout=60) == 0
    wait_for_state(server, sweep, "finished")


def test_a_faulty_sweep_says_what_is_wrong(client_env: dict[str, str], tmp_path: Path) -> None:
    config = GRID.format(a=[1], b=[0]).replace("method: grid", "method: guess")
    (tmp_path / "sweep.yaml").write_text(config)
    done = wandb("sweep", "--project", "p", "sweep.yaml", env=client_env, folder=tmp_path)
    assert done.returncode != 0 and "method" in done.stderr and "guess" in done.stderr


def test_a_prior_run_that_does_not_exist(client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(GRID.format(a=[1], b=[0]))
    flags = ["--project", "p", "--prior_run", "nosuch"]
    done = wandb("sweep", *flags, "sweep.yaml", env=client_env, folder=tmp_path)
    assert done.returncode != 0 and "--prior_run nosuch: no such run in project local/p" in done.stderr


@pytest.mark.slow
def test_a_sweep_learns_from_prior_runs(client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    first = create_sweep(GRID.format(a=[1], b=[0]), client_env, tmp_path)
    assert wandb("agent", first, env=client_env, folder=tmp_path).returncode == 0
    (old,) = read(first, client_env, tmp_path)["runs"]
    second = create_sweep(GRID.format(a=[1, 2], b=[0]), client_env, tmp_path, "--prior_run", old["id"])
    assert wandb("agent", second, env=client_env, folder=tmp_path).returncode == 0
    assert [run["config"] for run in read(second, client_env, tmp_path)["runs"]] == [{"a": 2, "b": 0}]


def test_function_agent(client_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    import wandb
    from wandb.agents import pyagent
    pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = 0.5

    def train():
        with wandb.init() as run:
            run.log({"loss": run.config.a + run.config.b})

    config = {"method": "grid", "metric": {"name": "loss", "goal": "minimize"},
              "parameters": {"a": {"values": [1, 2]}, "b": {"values": [0]}}}
    sweep = wandb.sweep(config, project="p")
    wandb.agent(sweep, function=train, project="p")
    runs = wandb.Api().sweep(f"local/p/{sweep}").runs
    print(sorted(run.summary["loss"] for run in runs), {run.state for run in runs})
    """
    done = python(code, client_env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[1, 2] {'finished'}"


UNREPORTED = """
import os, sys
import wandb
import yaml
from wandb.agents import pyagent
pyagent.Agent.HEARTBEAT_SLEEP_SECONDS = {seconds}

def offline():
    with wandb.init(mode="offline") as run:
        return run.config.a

def disabled():
    with wandb.init(mode="disabled") as run:
        return run.config.a

def no_init():
    with open(os.environ["WANDB_SWEEP_PARAM_PATH"]) as file:
        return yaml.safe_load(file)["a"]["value"]

for work in (offline, disabled, no_init):
    sweep = wandb.sweep({{"method": "grid", "parameters": {{"a": {{"values": [1, 2, 3]}}}}}}, project="p")
    seen = []
    before = wandb.Api().sweep(f"local/p/{{sweep}}").state
    wandb.agent(sweep, function=lambda: seen.append(work()), count=3, project="p")
    found = wandb.Api().sweep(f"local/p/{{sweep}}")
    print("told:", before, seen, found.state, [dict(run.summary) for run in found.runs])
"""
TOLD = "told: PENDING [1, 2, 3] RUNNING [{'failure': 'unreported'}, {'failure': 'unreported'}, {}]"


@pytest.mark.parametrize("seconds", [0.5, pytest.param(5, marks=pytest.mark.slow)])
def test_a_function_that_reports_nothing_gets_each_config_once(
    module_env: dict[str, str], tmp_path: Path, seconds: float
) -> None:
    """Also, a sweep is pending until its first agent."""
    done = python(UNREPORTED.format(seconds=seconds), module_env, tmp_path)
    told = [line for line in done.stdout.splitlines() if line.startswith("told:")]
    assert told == [TOLD] * 3, done.stderr


# The stock command's agent, with shorter waits.
FAST_AGENT = """
import sys
from wandb import wandb_agent
wandb_agent.Agent.POLL_INTERVAL = 0.4
wandb_agent.run_agent(sys.argv[1])
"""


def test_a_program_that_reports_nothing_gets_each_config_once(
    module_env: dict[str, str], tmp_path: Path
) -> None:
    """One that is named by its agent before it ends, and one that crashes at once."""
    (tmp_path / "agent.py").write_text(FAST_AGENT)
    (tmp_path / "train.py").write_text(
        "import sys, time\nprint(sys.argv[1:], flush=True)\ntime.sleep(1.5) if '--a=1' in sys.argv else 1 / 0"
    )
    sweep = create_sweep(GRID.format(a=[1, 2], b=[0]), module_env, tmp_path)
    assert start(["agent.py", sweep], module_env, tmp_path).wait(timeout=60) == 0
    output = (tmp_path / "out-0").read_text()
    assert [output.count(f"['--a={a}', '--b=0']") for a in (1, 2)] == [1, 1]
    found = read(sweep, module_env, tmp_path)
    assert found["state"] == "FINISHED" and [run["state"] for run in found["runs"]] == ["finished"] * 2


LARGE = """
import time
import wandb
parameters = {f"p{i}": {"values": list(range(100))} for i in range(10)}
sweep = wandb.sweep({"method": "grid", "parameters": parameters, "run_cap": 10**40}, project="p")
wandb.agent(sweep, function=lambda: wandb.init().finish(), count=1, project="p")
found = wandb.Api().sweep(f"local/p/{sweep}")
print(found.state, found.expected_run_count, [run.state for run in found.runs])
"""


def test_a_grid_of_more_configs_than_an_integer_column_holds(
    module_env: dict[str, str], tmp_path: Path
) -> None:
    done = python(LARGE, module_env, tmp_path)
    assert done.stdout.splitlines()[-1] == "RUNNING 100000000000000000000 ['finished']", done.stderr


class Lossy(ThreadingHTTPServer):
    """Passes requests on to a server, but not its answers with a run, the first `losses` times."""

    daemon_threads = True

    def __init__(self, server: LiveServer, losses: int) -> None:
        super().__init__(("127.0.0.1", 0), LossyHandler)
        self.target, self.losses = server.url, losses


class LossyHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Lossy)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type", "User-Agent")}
        request = urllib.request.Request(self.server.target + self.path, body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = response.read()
        if b"agentHeartbeat" in answer and b"run_id" in answer and self.server.losses:
            self.server.losses -= 1
            return  # and the connection is closed
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_a_command_lost_four_times_is_run_once(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "agent.py").write_text(FAST_AGENT.replace("0.4", "5").replace("argv[1]", "argv[1], count=2"))
    (tmp_path / "train.py").write_text(TRAIN)
    sweep = create_sweep(GRID.format(a=[1, 2], b=[0]), module_env, tmp_path)
    with Lossy(module_server, losses=4) as lossy:
        Thread(target=lossy.serve_forever, daemon=True).start()
        env = {**module_env, "WANDB_BASE_URL": f"http://127.0.0.1:{lossy.server_port}"}
        assert start(["agent.py", sweep], env, tmp_path).wait(timeout=120) == 0
        lossy.shutdown()
    assert lossy.losses == 0
    runs = read(sweep, module_env, tmp_path)["runs"]
    assert [(run["state"], run["config"]["a"], run["rows"]) for run in runs] == [
        ("finished", 1, 3),
        ("finished", 2, 3),
    ]
