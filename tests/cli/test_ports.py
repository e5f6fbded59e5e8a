"""`--port` is obeyed or refused, and printed addresses are those of the server in use."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from litsweep.cli import main, options
from litsweep.cli.local_server import running_server
from litsweep.cli.options import show_other_port
from litsweep.cli.shared_server import shared_server
from litsweep.errors import LitsweepError
from litsweep.server.listener import listening
from litsweep.server.port_holder import port_holder
from litsweep.server.settings import Settings
from tests.live_server import LiveServer

SWEEP = "program: train.py\nmethod: random\nparameters: {x: {min: 0.0, max: 1.0}}\n"


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_port_that_was_asked_for_and_is_taken_is_refused(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    sweep = ["sweep.yaml"] if command == "run" else []
    with taken_port() as port:
        assert main([command, *sweep, "--data-dir", "data", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    last = said.splitlines()[-1]  # `run` first says what it does
    assert last.startswith(f"litsweep: --port {port}: ") and "--port 0 for a free one" in last
    assert f"by process {os.getpid()} (" in said
    assert running_server(tmp_path / "data") is None


def test_a_taken_default_port_is_replaced_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with taken_port() as port:
        monkeypatch.setattr(options, "DEFAULT_PORT", port)
        with listening(Settings(tmp_path, port=port, is_port_fixed=False)) as listener:
            used = listener.getsockname()[1]
        assert used != port
        show_other_port(None, f"http://127.0.0.1:{used}")
        said = capsys.readouterr().err
        assert said.startswith(f"Port {port} is taken by process {os.getpid()} (")
        assert said.endswith(f"): the server listens on port {used}\n")
        show_other_port(None, f"http://127.0.0.1:{port}")
        show_other_port(used, f"http://127.0.0.1:{used}")
    assert capsys.readouterr().err == ""


def test_the_holder_of_a_port_is_found_behind_files_that_close_during_the_search() -> None:
    """The listing of a process's open files is such a file. It takes the lowest free number."""
    lower = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    with taken_port() as port:
        for file in lower:
            os.close(file)
        assert port_holder(port).startswith(f"process {os.getpid()} (")


def test_a_data_folder_has_one_server(server: LiveServer) -> None:
    for port in (None, 0, server.port):
        with shared_server(server.data_dir, port) as backend:
            assert backend.url == server.url
    other = server.port + 1
    refused = pytest.raises(
        LitsweepError, match=f"--port {other}: a server already runs on .*, at {server.url}; leave"
    )
    with refused, shared_server(server.data_dir, other):
        pass


def test_a_server_of_another_folder_on_the_port_of_a_dead_one(server: LiveServer, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / "server.json").write_text((server.data_dir / "server.json").read_text())
    assert running_server(dead) is None
    assert running_server(server.data_dir) is not None


def test_an_address_from_before_a_restart_names_the_new_one(
    server: LiveServer, client_env: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "litsweep", "status", "--data-dir", str(server.data_dir)]
    stale = client_env | {"WANDB_BASE_URL": "http://127.0.0.1:1"}
    done = subprocess.run(command, env=stale, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"is at {server.url}; run `eval" in done.stderr
