"""The server of `litsweep run` is started again if it dies."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from litsweep.cli import server_keeper
from litsweep.cli.local_server import ServerAddress, running_server
from litsweep.cli.server_keeper import ServerKeeper, kept_alive
from litsweep.cli.shared_server import shared_server, signals_end_in_order
from litsweep.errors import LitsweepError
from litsweep.server.server_info import server_info
from tests.cli.test_run import SWEEP, environ
from tests.launch.processes import wait_until

__all__ = ["environ"]


@contextlib.contextmanager
def command(data_dir: Path) -> Iterator[tuple[ServerAddress, ServerKeeper]]:
    """What `litsweep run` does for its server."""
    with shared_server(data_dir, 0) as server, kept_alive(server, data_dir) as keeper:
        yield server, keeper


def kill_server(data_dir: Path, signum: int = signal.SIGKILL) -> int:
    info = server_info(data_dir)
    assert info is not None
    os.kill(info.pid, signum)
    return info.pid


def restarted(data_dir: Path, pid: int) -> ServerAddress | None:
    info = server_info(data_dir)
    return running_server(data_dir) if info and info.pid != pid else None


def url(data_dir: Path) -> str | None:
    server = running_server(data_dir)
    return server.url if server else None


@pytest.mark.parametrize("signum", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_one_of_the_commands_that_share_it_starts_it_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], signum: int
) -> None:
    with contextlib.ExitStack() as second:
        with command(tmp_path) as (server, _):
            second.enter_context(command(tmp_path))
            pid = kill_server(tmp_path, signum)
            wait_until(lambda: restarted(tmp_path, pid))
            assert url(tmp_path) == server.url
            wait_until(lambda: "was restarted" in capfd.readouterr().err)
        pid = kill_server(tmp_path)  # the command that has started it is gone
        wait_until(lambda: restarted(tmp_path, pid))
        assert url(tmp_path) == server.url
    assert running_server(tmp_path) is None
    assert capfd.readouterr().err.count("was restarted") == 1


def test_a_command_that_comes_while_the_server_is_dead_starts_it_for_the_others(tmp_path: Path) -> None:
    with shared_server(tmp_path, 0) as first:
        kill_server(tmp_path)
        with shared_server(tmp_path, None) as second:
            assert second.url == first.url
    assert running_server(tmp_path) is None


@pytest.mark.slow
def test_a_server_that_cannot_start_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server_keeper, "FAILED_STARTS", 2)
    with pytest.raises(LitsweepError, match="cannot be restarted"), command(tmp_path) as (_, keeper):
        spoil(tmp_path)
        kill_server(tmp_path)
        wait_until(lambda: keeper.failure)
    assert "cannot be restarted: the embedded backend did not start; the end of" in keeper.failure
    assert "does not start; trying again in 1 s" in capfd.readouterr().err


def spoil(data_dir: Path) -> None:
    """Replace the database by a folder."""
    (data_dir / "litsweep.db").rename(data_dir / "moved")
    (data_dir / "litsweep.db").mkdir()


PROGRAM = """
import sys, time, wandb
from pathlib import Path
with wandb.init() as run:
    run.log({"loss": 1.0})
    Path(run.id + ".started").touch()
    while Path("wait").exists():
        time.sleep(0.05)
    run.log({"loss": 0.5})
"""


@contextlib.contextmanager
def running_sweep(folder: Path, environ: dict[str, str], agent: str) -> Iterator["subprocess.Popen[str]"]:
    """Execute `litsweep run` until both of its first runs have started."""
    (folder / "train.py").write_text(PROGRAM)
    (folder / "sweep.yaml").write_text(SWEEP.replace("run_cap: 2", "run_cap: 4"))
    (folder / "wait").touch()
    args = ["sweep.yaml", "--agents", "2", "--agent", agent, "--port", "0", "--data-dir", "data"]
    with subprocess.Popen(
        [sys.executable, "-m", "litsweep", "run", *args],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: len(list(folder.glob("*.started"))) == 2)
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize("agent", ["warm", pytest.param("stock", marks=pytest.mark.slow)])
def test_the_sweep_continues_after_the_death_of_its_server(
    tmp_path: Path, environ: dict[str, str], agent: str
) -> None:
    with running_sweep(tmp_path, environ, agent) as process:
        kill_server(tmp_path / "data")
        (tmp_path / "wait").unlink()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "(finished): 4 finished" in out
    assert "The server died and was restarted at" in err


@pytest.mark.slow
def test_the_command_ends_with_the_reason_if_the_server_cannot_start_again(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with running_sweep(tmp_path, {**environ, "WANDB_AGENT_KILL_DELAY": "1"}, "warm") as process:
        spoil(tmp_path / "data")
        kill_server(tmp_path / "data")
        began = time.monotonic()
        _, err = process.communicate(timeout=150)
    assert process.returncode == 1
    assert "litsweep: the server died and cannot be restarted: the embedded backend did not start" in err
    assert time.monotonic() - began < 90


def test_every_part_of_a_command_ends_if_its_server_cannot_start_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launch has a handler of its own for SIGTERM. What comes after it ends too."""

    def fail(keeper: ServerKeeper) -> None:
        raise LitsweepError("no space left")

    monkeypatch.setattr(ServerKeeper, "_check", fail)
    monkeypatch.setattr(server_keeper, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(server_keeper, "FAILED_STARTS", 1)
    launch_ended = threading.Event()
    reached = []
    with pytest.raises(LitsweepError, match=r"no space left\n.*`litsweep launch SWEEP` continues"):  # noqa: SIM117
        with (
            signals_end_in_order(),
            kept_alive(ServerAddress("http://127.0.0.1:1", "key", stays=False), tmp_path),
        ):
            before = signal.signal(signal.SIGTERM, lambda *_: launch_ended.set())
            assert launch_ended.wait(20)
            signal.signal(signal.SIGTERM, before)
            reached.append("the rest of the command")
            time.sleep(20)
            reached.append("its end")
    assert reached == ["the rest of the command"]


@pytest.mark.slow
def test_a_launch_ends_with_the_reason_if_the_server_that_it_started_cannot_start_again(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environ = {**environ, "WANDB_AGENT_KILL_DELAY": "1"}
    with running_sweep(tmp_path, environ, "warm") as process:
        process.terminate()
        _, err = process.communicate(timeout=60)
    sweep = re.findall(r"litsweep launch .*/(\w+)'? --gpus", err)[0]
    for started in tmp_path.glob("*.started"):
        started.unlink()
    with subprocess.Popen(
        [sys.executable, "-m", "litsweep", "launch", sweep, "--gpus", "none", "--data-dir", "data"],
        cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as launch:  # fmt: skip
        wait_until(lambda: list(tmp_path.glob("*.started")))
        (tmp_path / "data" / "litsweep.db").rename(tmp_path / "data" / "moved")
        (tmp_path / "data" / "litsweep.db").mkdir()
        kill_server(tmp_path / "data")
        _, err = launch.communicate(timeout=150)
    assert launch.returncode == 1
    assert "litsweep: the server died and cannot be restarted: the embedded backend did not start" in err
    assert f"The runs so far are in {Path('data')}" in err and "Traceback" not in err
    (tmp_path / "data" / "litsweep.db").rmdir()  # the cause is mended
    (tmp_path / "data" / "moved").rename(tmp_path / "data" / "litsweep.db")
    (tmp_path / "wait").unlink()
    done = subprocess.run(
        launch.args, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0 and "3/4 done" in done.stderr, done.stderr  # the last one is crashed later
