"""A command starts a server for its own time if none runs on the data folder, as after `litsweep run`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from litsweep.cli.local_server import running_server
from litsweep.cli.server_address import use_server
from litsweep.cli.shared_server import is_alive
from litsweep.errors import LitsweepError
from tests.cli.test_confirm import TRAIN, finished_sweep
from tests.launch.processes import cmdline, wait_until
from tests.live_server import LiveServer

STARTS = "starting one for this command"
USE = """
import sys
from pathlib import Path
from litsweep.cli.shared_server import shared_server
with shared_server(Path(sys.argv[1]), 0):
    print("ready", flush=True)
    sys.stdin.read()
"""


class Left:
    """A data folder whose server has ended, and a sweep in it."""

    def __init__(self, folder: Path) -> None:
        server = LiveServer(folder / "server")
        server.start()
        self.sweep = finished_sweep(server)
        server.stop()
        self.data_dir, self.folder = server.data_dir, folder
        (folder / "train.py").write_text(TRAIN)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        self._environ = inherited | {"HOME": str(folder), "WANDB_DIR": str(folder), "WANDB_CONSOLE": "off"}

    def start(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "litsweep", *words, "--data-dir", str(self.data_dir)],
            env=self._environ | variables, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def use_server(self) -> "subprocess.Popen[str]":
        """Return a process that uses the server of the folder until it is killed."""
        command = [sys.executable, "-c", USE, str(self.data_dir)]
        user = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert user.stdout is not None and user.stdout.readline() == "ready\n"
        return user


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    left = Left(tmp_path_factory.mktemp("left"))
    yield left
    assert running_server(left.data_dir) is None, "it ends with the last command"


@pytest.mark.slow
def test_confirm_runs_its_repeats_without_a_server(left: Left) -> None:
    words = [
        "confirm",
        left.sweep,
        "--top",
        "2",
        "--seeds",
        "1",
        "--seed-parameter",
        "seed",
        "--gpus",
        "none",
    ]
    _, said = left.start(*words, "--json", "out.json").communicate(timeout=120)
    assert STARTS in said
    result = json.loads((left.folder / "out.json").read_text())
    assert result["repeats"] == 2 and result["is_over"], said


def test_other_commands_need_no_server_either(left: Left) -> None:
    id = left.sweep.rpartition("/")[2]  # a login to W&B does not keep a sweep of the folder from being found
    status, best = left.start("status"), left.start("best", id, WANDB_API_KEY="k" * 40)
    shown, said = status.communicate(timeout=120)
    assert shown.startswith(f"{left.sweep}  finished"), said
    shown, said = best.communicate(timeout=120)
    assert best.returncode == 0 and "Best run: run-2" in shown, said
    assert "http://" not in shown, "these pages end with the command"
    assert f"`litsweep open {left.sweep} --data-dir {left.data_dir}`" in said
    confirm = left.start("confirm", left.sweep, "--seed-parameter", "seed", "--queue")
    _, said = confirm.communicate(timeout=120)
    assert confirm.returncode == 0 and STARTS in said and f"litsweep launch {left.sweep}" in said


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_leaves_no_server_behind(left: Left, signum: int, code: int) -> None:
    users = left.data_dir / "users"
    users.unlink(missing_ok=True)
    status = left.start("status")
    wait_until(lambda: users.exists() and users.read_text() != "")  # it starts
    status.send_signal(signum)
    _, said = status.communicate(timeout=60)
    server = int(users.read_text())
    assert status.returncode == code and "Traceback" not in said, said
    wait_until(lambda: not is_alive(server), 10)


def test_killed_commands_leave_no_server_behind(left: Left) -> None:
    """`kill -9` while the server starts, and of each command that shares it."""
    users = left.data_dir / "users"
    users.unlink(missing_ok=True)
    status = left.start("status")
    wait_until(lambda: users.exists() and users.read_text() != "")  # it starts
    starting = int(users.read_text())
    kill(status)
    wait_until(lambda: not cmdline(starting), 30)
    first, second = left.use_server(), left.use_server()
    server = int(users.read_text())
    kill(first)
    third = left.use_server()
    assert int(users.read_text()) == server, "the second command has kept it"
    kill(second)
    kill(third)
    wait_until(lambda: not cmdline(server), 30)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_a_folder_without_data_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: Left) -> None:
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ExitStack() as until_end, pytest.raises(LitsweepError, match="found no server"):
        use_server(tmp_path / "nothing", until_end)
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(LitsweepError, match="found no server"):  # `watch` would wait for agents in vain
        use_server(left.data_dir)
