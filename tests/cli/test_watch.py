"""`litsweep watch` on a real server: its lines, its exit codes, and the command at the end."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litsweep.cli import main, watch
from tests.launch.processes import wait_until
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

CONFIG = {
    "method": "random",
    "metric": {"name": "acc", "goal": "maximize"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
    "run_cap": 3,
}


class Sweep:
    """A sweep whose agent and runs are requests of this process."""

    def __init__(self, server: LiveServer, **more: Any) -> None:
        self._server = server
        made = server.graphql(UPSERT_SWEEP, config=json.dumps(CONFIG | more))["upsertSweep"]["sweep"]
        self._id, self._name = made["id"], made["name"]
        self.path = f"local/p/{self._name}"
        self._agent = server.graphql(CREATE_AGENT, sweep=self._name)["createAgent"]["agent"]["id"]

    def run(self, *values: float, exitcode: int | None = 0) -> str:
        """Log these values in a new run, and end it unless `exitcode` is None. Return its name."""
        beat = self._server.graphql(HEARTBEAT, id=self._agent, runState="{}")["agentHeartbeat"]
        name: str = json.loads(beat["commands"])[0]["run_id"]
        self._server.graphql(UPSERT_RUN, name=name, project="p", entity="local", sweep=self._name)
        rows = [json.dumps({"_step": step, "acc": value}) for step, value in enumerate(values)]
        stream = f"/files/local/p/{name}/file_stream"
        self._server.post(stream, {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}})
        if exitcode is not None:
            self._server.post(stream, {"complete": True, "exitcode": exitcode})
        return name

    def cancel(self) -> None:
        self._server.graphql(UPSERT_SWEEP, id=self._id, state="CANCELED")


MakeSweep = Callable[..., Sweep]


@pytest.fixture
def make_sweep(
    module_server: LiveServer, module_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeSweep:
    """Return a function that makes a sweep on a server that this process and its client use."""
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY", "WANDB_DIR", "NETRC", "HOME"):
        monkeypatch.setenv(name, module_env[name])
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.1)
    monkeypatch.chdir(tmp_path)
    return lambda **more: Sweep(module_server, **more)


def lines(out: str) -> list[list[str]]:
    """Return the lines of a watch in columns, without the time."""
    return [line.split("  ")[1:] for line in out.splitlines()]


def test_it_prints_each_new_best_and_the_end(
    make_sweep: MakeSweep, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, codes, said = make_sweep(), [], ""

    def said_so_far() -> str:
        nonlocal said
        said += capsys.readouterr().out
        return said

    first = sweep.run(0.5, 0.7, 0.6)
    watching = threading.Thread(target=lambda: codes.append(main(["watch", sweep.path])))
    watching.start()
    wait_until(lambda: "0.7" in said_so_far())
    sweep.run(0.9, exitcode=1)  # a failed run is no best
    last = sweep.run(0.8)
    watching.join(timeout=60)
    best = f"acc 0.8 (run {last})"
    assert lines(said_so_far()) == [
        ["best", sweep.path, f"acc 0.7 (run {first})"],
        ["best", sweep.path, best],
        ["finished", sweep.path, "2 finished, 1 failed", best],
    ]
    assert codes == [0]


def test_the_command_at_the_end_gets_the_result(
    make_sweep: MakeSweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = make_sweep()
    run = sweep.run(0.25)
    sweep.cancel()
    command = "env | grep ^LITSWEEP_ > facts; exit 7"
    assert main(["watch", sweep.path, "--on-end", command, "--json", "end.json"]) == 4
    facts = dict(line.split("=", 1) for line in (tmp_path / "facts").read_text().splitlines())
    text = f"Sweep {sweep.path} is canceled: 1 finished; best acc 0.25 (run {run})"
    wanted = {"EVENT": "canceled", "SWEEP": sweep.path, "STATE": "canceled", "RUNS": "1 finished"}
    wanted |= {"METRIC": "acc", "BEST": "0.25", "BEST_RUN": run, "TEXT": text}
    assert {f"LITSWEEP_{name}": value for name, value in wanted.items()}.items() <= facts.items()
    assert facts["LITSWEEP_URL"].endswith(sweep.path.rpartition("/")[2])
    assert "--on-end: the command exited with code 7" in capsys.readouterr().err
    assert json.loads((tmp_path / "end.json").read_text())["event"] == "canceled"


def test_a_stalled_sweep(make_sweep: MakeSweep, capsys: pytest.CaptureFixture[str]) -> None:
    """The flag comes before the sweep's own time, and both before the ten minutes."""
    by_flag = make_sweep(litsweep={"stalled_after": 60})
    by_flag.run(0.5, exitcode=None)
    assert main(["watch", by_flag.path, "--stalled-after", "0.01", "--on-end", "true"]) == 3
    by_yaml = make_sweep(litsweep={"stalled_after": 0.01})
    assert main(["watch", by_yaml.path, "--on-end", "false"]) == 3
    out = lines(capsys.readouterr().out)
    assert out == [["stalled", by_flag.path, "1 running"], ["stalled", by_yaml.path, "no runs"]]


def test_a_failing_command_is_no_success(make_sweep: MakeSweep) -> None:
    sweep = make_sweep(run_cap=1)
    sweep.run(0.5)
    assert main(["watch", sweep.path, "--on-end", "exit 5"]) == 1
    assert main(["watch", sweep.path, "--on-end", "exit 0"]) == 0


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "nan", "inf"])
def test_mistakes(make_sweep: MakeSweep, capsys: pytest.CaptureFixture[str], minutes: str) -> None:
    with pytest.raises(SystemExit):
        main(["watch", "local/p/x", "--stalled-after", minutes])
    assert "is not a number of minutes above 0" in capsys.readouterr().err


def test_a_sweep_that_does_not_exist(make_sweep: MakeSweep, capsys: pytest.CaptureFixture[str]) -> None:
    make_sweep()
    assert main(["watch", "local/p/nosuchid"]) == 1
    assert "there is no sweep local/p/nosuchid" in capsys.readouterr().err


def test_it_outlives_an_outage_of_the_server(
    make_sweep: MakeSweep, module_server: LiveServer, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep, codes = make_sweep(run_cap=2), []
    sweep.run(0.5)
    watching = threading.Thread(target=lambda: codes.append(main(["watch", sweep.path])))
    watching.start()
    wait_until(lambda: "best" in capfd.readouterr().out)
    module_server.kill()
    module_server.start()
    sweep.run(0.4)
    watching.join(timeout=100)
    assert codes == [0]
