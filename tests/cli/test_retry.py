"""`litsweep retry`: a sweep with stock agents whose failed config runs again, and the command's messages."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from litsweep.cli import main
from litsweep.launch.protocol import connect
from tests.compat.stock import Env, create_sweep, wandb
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN

TRAIN = """
import pathlib, wandb
with wandb.init() as run:
    run.log({"loss": run.config["a"]})
    if run.config["a"] == 2 and not pathlib.Path("mended").exists():
        raise SystemExit("a fault")
"""
GRID = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters: {a: {values: [1, 2]}}
"""


@pytest.fixture
def connected(module_env: Env, monkeypatch: pytest.MonkeyPatch) -> Env:
    """Connect this process to the server."""
    for name in ("WANDB_ENTITY", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.setenv(name, module_env[name])
    return module_env


def simulated_agent(server: LiveServer, sweep: str, folder: Path) -> None:
    """Do as a stock agent that runs TRAIN, without its waits."""
    name = sweep.rpartition("/")[2]
    agent = server.graphql(CREATE_AGENT, sweep=name)["createAgent"]["agent"]["id"]
    while command := json.loads(server.graphql(HEARTBEAT, id=agent)["agentHeartbeat"]["commands"])[0]:
        if command["type"] == "exit":
            return
        run, a = command["run_id"], command["args"]["a"]["value"]
        server.graphql(UPSERT_RUN, name=run, project="p", entity="local", sweep=name)
        files = {"wandb-history.jsonl": {"offset": 0, "content": [json.dumps({"_step": 0, "loss": a})]}}
        code = int(a == 2 and not (folder / "mended").exists())
        server.post(f"/files/local/p/{run}/file_stream", {"files": files, "complete": True, "exitcode": code})


def test_a_failed_config_runs_again(
    connected: Env, module_server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = create_sweep(GRID, connected, tmp_path)
    check_retry(sweep, tmp_path, capsys, lambda: simulated_agent(module_server, sweep, tmp_path))


@pytest.mark.slow
def test_a_failed_config_runs_again_under_a_stock_agent(
    connected: Env, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    sweep = create_sweep(GRID, connected, tmp_path)
    check_retry(sweep, tmp_path, capsys, lambda: wandb("agent", sweep, env=connected, folder=tmp_path))


def check_retry(
    sweep: str, folder: Path, capsys: pytest.CaptureFixture[str], run_agent: Callable[[], object]
) -> None:
    run_agent()
    assert main(["status", sweep]) == 0
    shown = capsys.readouterr().out
    assert "finished  1 finished, 1 failed" in shown
    assert "grid of 2 points: 1 done, 0 running, 0 open, 1 given up" in shown

    result = folder / "result.json"
    assert main(["retry", sweep, "--failed", "--json", str(result)]) == 0
    out, err = capsys.readouterr()
    (done,) = json.loads(result.read_text())["retried"]
    assert out == f"run-2 (retry 1) ({done['id']}): retry of {done['retry_of']}, which failed (error)\n"
    assert f"1 run of sweep {sweep} waits for an agent" in err and f"litsweep launch {sweep}" in err
    assert main(["status", sweep]) == 0
    shown = capsys.readouterr().out
    assert "1 done, 0 running, 1 open, 0 given up" in shown and f"  open      {done['id']}  a=2" in shown
    assert connect(sweep).crashed() == []

    (folder / "mended").touch()
    run_agent()
    assert main(["status", sweep]) == 0
    shown = capsys.readouterr().out
    assert "finished  2 finished, 1 failed" in shown and "2 done, 0 running, 0 open, 0 given up" in shown

    assert main(["retry", sweep, "--failed", "--crashed", "--json", str(result)]) == 1
    assert capsys.readouterr().err == f"sweep {sweep} has no failed or crashed run to retry\n"
    assert json.loads(result.read_text())["state"] == "finished"
    assert main(["retry", sweep, done["retry_of"], "nosuchid"]) == 1
    err = capsys.readouterr().err
    assert f"not retried: {done['retry_of']}: its retry {done['id']} has a result; it is finished\n" in err
    assert f"not retried: nosuchid: sweep {sweep.rpartition('/')[2]} has no run with this id\n" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which runs? write --failed, --crashed, or the ids of runs"),
        (["--failed", "--limit", "1"], "--limit: '1': must be 2 or more, one run and its retries"),
        (["--failed", "--limit", "x"], "--limit: 'x': must be 2 or more, one run and its retries"),
    ],
)
def test_a_wrong_call(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["retry", "local/p/abc", *arguments])
    assert exit.value.code == 2 and said in capsys.readouterr().err


def test_a_canceled_sweep_is_not_reopened(
    connected: Env, module_server: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = create_sweep(GRID, connected, tmp_path)
    api = connect(sweep)
    change = 'mutation ($id: ID!) { upsertSweep(input: {id: $id, state: "CANCELED"}) { sweep { id } } }'
    module_server.graphql(change, id=api.sweep()["id"])
    assert main(["retry", sweep, "--failed"]) == 1
    assert "is canceled and starts no run; resume it first: wandb sweep --resume" in capsys.readouterr().err


CONFIG = "{method: grid, parameters: {a: {value: 1}}}"


class OtherServer(BaseHTTPRequestHandler):
    """A W&B server that has the sweep but no retries: it refuses an unknown mutation, as W&B's cloud does."""

    def do_HEAD(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = next((name for name in ("retryRuns", "confirmRuns") if name in body), None)
        if asked:
            said = f'Cannot query field "{asked}" on type "Mutation".'
            self._answer(400, {"errors": [{"message": said}]})
        else:
            sweep = {"id": "1", "name": "abc", "state": "FINISHED", "config": CONFIG}
            project = {"name": "p", "entityName": "local", "sweep": sweep}
            self._answer(200, {"data": {"project": project}})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "POST":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["retry", "local/p/abc", "--failed"], "cannot retry runs"),
        (["confirm", "local/p/abc", "--seed-parameter", "seed"], "cannot repeat runs"),
    ],
)
def test_another_server_cannot_retry_or_confirm(
    command: list[str],
    said: str,
    connected: Env,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = HTTPServer(("127.0.0.1", 0), OtherServer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("WANDB_BASE_URL", url)
    try:
        assert main(command) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert f"litsweep: {url} {said}: only the embedded backend" in capsys.readouterr().err
