"""The server that all `litsweep run` on a data folder share. It ends with the last of them.

Each command holds a lock on the file `users` of the folder. The file has the pid of the server if a command
started it. A server that the user started is left alone. A second lock ends the server if the commands are
killed (`server_use`).
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from litsweep.cli.interrupts import interrupt_says
from litsweep.cli.local_server import ServerAddress, running_server
from litsweep.cli.options import show_other_port
from litsweep.cli.server_use import STOP_TIMEOUT_SECONDS, in_use
from litsweep.errors import LitsweepError
from litsweep.server.data_dir import make_data_dir, usable
from litsweep.server.listener import listening
from litsweep.server.server_info import server_info
from litsweep.server.settings import Settings

START_TIMEOUT_SECONDS = 60.0


@contextlib.contextmanager
def shared_server(data_dir: Path, port: int | None) -> Iterator[ServerAddress]:
    """Yield the server of `data_dir`: a running one, or one started for the time of the block.

    `port` 0 means any port, None the default port or any if that is taken. Raises LitsweepError if the folder
    cannot be used, if its server runs on another port, or if no server starts.
    """
    make_data_dir(data_dir)
    with in_use(data_dir), (data_dir / "users").open("a+") as users:
        is_shared = not _is_alone(users)
        if is_shared:
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while another command starts or ends the server
        with start_lock(data_dir):
            server = running_server(data_dir)
            is_new = server is None
            if server is None:
                dead = server_info(data_dir) if is_shared else None  # the other commands know its port
                server = start_server(data_dir, urlsplit(dead.url).port if dead else port, users)
        if is_new:
            show_other_port(port, server.url)
        elif port and urlsplit(server.url).port != port:
            raise LitsweepError(
                f"--port {port}: a server already runs on {data_dir}, at {server.url}; leave out --port to "
                "use that server, stop it, or choose another --data-dir"
            )
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield replace(server, stays=_shared_process(data_dir, users) is None)
        finally:
            pid = _shared_process(data_dir, users)
            if pid is not None and _is_alone(users):
                _stop(pid, data_dir)


@contextlib.contextmanager
def signals_end_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit during the block, so that the command ends its server."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGHUP)}
    changed = [signum for signum, handler in before.items() if handler == signal.SIG_DFL]  # not with nohup
    for signum in changed:
        signal.signal(signum, _exit)
    try:
        yield
    finally:
        for signum in changed:
            signal.signal(signum, signal.SIG_DFL)


def _exit(signum: int, _: object) -> None:
    sys.exit(128 + signum)


@contextlib.contextmanager
def start_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of the command that starts a server: the first one, or one that restarts a dead one."""
    with (data_dir / "restart").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_alone(users: TextIO) -> bool:
    """Take the exclusive lock. Return False if another command holds it."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _shared_process(data_dir: Path, users: TextIO) -> int | None:
    """Return the process of the running server if one of the commands that share it started it."""
    users.seek(0)
    info = server_info(data_dir)
    return info.pid if info and users.read().strip() == str(info.pid) else None


def start_server(data_dir: Path, port: int | None, users: TextIO) -> ServerAddress:
    """Start the server and note its process in the file `users`. Return its address once it answers."""
    log = data_dir / "server.log"
    flags = ["--data-dir", str(data_dir), "--log", str(log), "--while-used"]
    if port is not None:
        _check_port(data_dir, port)
        flags += ["--port", str(port)]
    command = [sys.executable, "-m", "litsweep", "serve", *flags]
    log.touch()
    log.chmod(0o600)
    before = log.stat().st_size
    with log.open("ab") as output:
        # In a session of its own the server survives Ctrl-C: the agents need it until they have ended.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        with usable(data_dir):  # without a buffer, whose rest would fail again when the file is closed
            os.ftruncate(users.fileno(), 0)
            os.write(users.fileno(), str(process.pid).encode())
        return _wait_until_ready(process, data_dir, log, before)
    except BaseException:  # also Ctrl-C: a server that nobody waits for must not stay
        if process.poll() is None:
            _stop(process.pid, data_dir)
        raise
    finally:
        process.returncode = 0  # the server may outlive this command: Popen must not warn


def _check_port(data_dir: Path, port: int) -> None:
    """Raise LitsweepError for a taken port: the server itself would report it only in its log."""
    with listening(Settings(data_dir, port=port)):
        pass


def _wait_until_ready(
    process: "subprocess.Popen[bytes]", data_dir: Path, log: Path, before: int
) -> ServerAddress:
    """Return the server's address. Raises LitsweepError with its log after `before` bytes."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        server = running_server(data_dir)
        if server is not None:
            return server
        time.sleep(0.1)
    content = log.read_bytes()
    own = content[before:] if len(content) >= before else content  # a full log starts again
    last = "".join(own.decode(errors="replace").splitlines(keepends=True)[-5:]).strip()
    last = last or "(nothing; the system ended it, or it may not write there)"
    raise LitsweepError(f"the embedded backend did not start; the end of {log}:\n{last}")


def _stop(pid: int, data_dir: Path) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    still_ends = interrupt_says("interrupted while the server ends; it has all data, and ends by itself")
    with contextlib.suppress(ProcessLookupError), still_ends:
        os.kill(pid, signal.SIGTERM)
        while server_info(data_dir) is not None and is_alive(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Return True if the process has not ended. A child of this process that has ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # PermissionError: another user's process has the number
        return False
    return True
