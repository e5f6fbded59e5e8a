"""Ctrl-C while a command ends: it says what is kept, and prints no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from litsweep.cli import main, shared_server
from litsweep.cli.interrupts import interrupt_of_sweep, interrupt_says
from litsweep.cli.local_server import running_server
from litsweep.server.server_info import server_info
from tests.launch.processes import wait_until

AT_EXIT = """
import atexit, sys, time
from litsweep.__main__ import run
atexit.register(time.sleep, 3600)
sys.argv = ["litsweep", *ARGUMENTS]
run()
"""


def interrupt(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_while_the_server_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = pytest.raises(KeyboardInterrupt, match="while the server ends; it has all data")
    with refused, interrupt_of_sweep("local/p/abcd1234"), shared_server.shared_server(tmp_path, 0):
        info = server_info(tmp_path)
        monkeypatch.setattr(shared_server, "server_info", lambda _: info)  # also if the server ends at once
        monkeypatch.setattr(shared_server, "is_alive", interrupt)
    wait_until(lambda: running_server(tmp_path) is None)


@pytest.mark.parametrize(
    ("text", "shown"), [("it ends", "it ends"), ("", "`litsweep best local/p/abcd1234` shows them")]
)
def test_the_text_of_the_innermost_block_is_shown(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(*_: object) -> int:
        with interrupt_of_sweep("local/p/abcd1234"), interrupt_says(text):
            interrupt()
        return 0

    monkeypatch.setattr("litsweep.cli.commands.execute", execute)
    assert main(["run"]) == 130
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["env", "--data-dir", "nowhere"], 1, "litsweep: "),
        (["--version"], 0, "litsweep "),
        (["no"], 2, "usage: "),
    ],
)
def test_after_the_command(arguments: list[str], status: int, said: str, tmp_path: Path) -> None:
    """No callback of the client is waited for at the exit, and no output is lost."""
    command = [sys.executable, "-c", AT_EXIT.replace("ARGUMENTS", repr(arguments))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status and said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
