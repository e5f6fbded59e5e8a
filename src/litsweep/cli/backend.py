"""Which W&B server a command talks to: a data folder's embedded one, or the one the environment names."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from litsweep.errors import LitsweepError

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
ANSWER_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Backend:
    """A running embedded server. `stays` is False when it ends with the command that started it."""

    url: str
    api_key: str
    stays: bool = True

    def page(self, path: str) -> str:
        """The address of a dashboard page that opens without asking for the key (once, for some minutes)."""
        from litsweep.server.auth import Keyring
        from litsweep.server.dashboard.login import login_link

        return self.url + login_link(Keyring(self.api_key), path)

    def environment(self) -> Mapping[str, str]:
        """The two variables that the stock client needs."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.api_key}


def running_backend(data_dir: Path) -> Backend | None:
    """The server that runs on `data_dir`, None when there is none."""
    from litsweep.server.auth import api_key
    from litsweep.server.serve import server_info

    info = server_info(data_dir)
    if info is None:
        return None
    try:
        requests.get(f"{info.url}/healthz", timeout=5).raise_for_status()
    except requests.RequestException:
        return None
    return Backend(info.url, api_key(data_dir))


def use_backend(data_dir: Path) -> None:
    """Point the stock client of this process at the server a command should talk to.

    An address in the environment wins, then the embedded server of `data_dir`, then W&B cloud where the
    person is logged in. Raises LitsweepError when there is none of the three.
    """
    if "WANDB_BASE_URL" in os.environ:
        _see_that_it_answers(os.environ["WANDB_BASE_URL"])
        return
    backend = running_backend(data_dir)
    if backend is not None:
        os.environ.update(backend.environment())
        return
    if not _logged_in():
        raise LitsweepError(
            f"no server to ask: none runs on {data_dir} (start one with `litsweep serve`), WANDB_BASE_URL is "
            "not set, and there is no W&B login (`wandb login`)"
        )


def _see_that_it_answers(url: str) -> None:
    """Ask once: the stock client tries a server that is not there for minutes before it says so."""
    try:
        requests.head(url, timeout=ANSWER_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise LitsweepError(
            f"WANDB_BASE_URL={url} does not answer ({_cause(error)}): start that server (`litsweep serve`), "
            "correct the address, or unset the variable"
        ) from None


def _cause(error: BaseException) -> str:
    """The innermost reason: `Connection refused` rather than the names of three libraries' exceptions."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(reason or error)
    return text.rpartition("] ")[2].rstrip(">)'") or type(error).__name__


def _logged_in() -> bool:
    from litsweep.launch.protocol import credentials

    try:
        return bool(credentials())
    except LitsweepError:
        return False


@contextmanager
def backend_for(data_dir: Path, port: int) -> Iterator[Backend]:
    """The server of `data_dir`: the one that runs already, or one started for the time of the block."""
    from litsweep.server.serve import make_data_dir

    running = running_backend(data_dir)
    if running is not None:
        yield running
        return
    make_data_dir(data_dir)
    log = data_dir / "server.log"
    flags = ["--data-dir", str(data_dir), "--port", str(_free_port(port))]
    command = [sys.executable, "-m", "litsweep", "serve", *flags]
    with log.open("ab") as output:
        # Its own session: Ctrl-C in the terminal is for the agents, which need the server to end well.
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield replace(_wait_until_ready(process, data_dir, log), stays=False)
    finally:
        _stop(process)


def _free_port(wanted: int) -> int:
    """`wanted` if nothing listens there, else 0, which lets the server choose."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _wait_until_ready(process: "subprocess.Popen[bytes]", data_dir: Path, log: Path) -> Backend:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        backend = running_backend(data_dir)
        if backend is not None:
            return backend
        time.sleep(0.1)
    last = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-5:]).strip()
    raise LitsweepError(f"the embedded server did not start; the end of {log}:\n{last}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
