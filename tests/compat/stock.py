"""The stock client, as people start it."""

import contextlib
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import stock_service

Env = Mapping[str, str]
TIMEOUT = 120


def python(code: str, env: Env, folder: Path, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, whatever that is."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    return _run([sys.executable, str(script)], env, folder, timeout)


def wandb(*args: str, env: Env, folder: Path, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run a `wandb` command to its end, whatever that is."""
    return _run([sys.executable, "-m", "wandb", *args], env, folder, timeout)


def start(args: list[str], env: Env, folder: Path) -> subprocess.Popen[str]:
    """Start a Python process and go on; its output is in `out` of its folder."""
    out = (folder / f"out-{len(list(folder.glob('out-*')))}").open("w")
    with out:
        return subprocess.Popen(
            [sys.executable, *args],
            env=dict(env),
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _run(command: list[str], env: Env, folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    After `timeout` seconds, end the client's service, which may be all that it waits for. Else fail with the
    stack of each of its threads.
    """
    pipe = subprocess.PIPE
    traced = dict(env) | {"PYTHONFAULTHANDLER": "1"}
    process = subprocess.Popen(command, env=traced, cwd=folder, stdout=pipe, stderr=pipe, text=True)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        stock_service.end_services_of(process.pid)
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out = err = ""
            with contextlib.suppress(subprocess.TimeoutExpired):  # the client's service may hold the pipes
                out, err = process.communicate(timeout=10)
            pytest.fail(f"{command} did not end within {timeout} s; it printed:\n{out}\n{err}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def create_sweep(config: str, env: Env, folder: Path, *flags: str) -> str:
    """`wandb sweep`: the path of the new sweep (entity/project/id)."""
    (folder / "sweep.yaml").write_text(textwrap.dedent(config))
    done = wandb("sweep", "--project", "p", *flags, "sweep.yaml", env=env, folder=folder)
    assert done.returncode == 0, done.stderr
    found = re.search(r"wandb agent (\S+)", done.stderr + done.stdout)
    assert found, done.stderr
    return found[1]
