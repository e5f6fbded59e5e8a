"""The main flows with several versions of the stock client, each in an environment of its own.

`python -m tests.compat.versions --table` runs all of them and writes the table of docs/compatibility.md.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.compat.client_flows import FLOWS
from tests.conftest import client_environment
from tests.live_server import LiveServer

NEWEST = "newest"
"""Stands for the newest version that the package index has."""
VERSIONS = ("0.22.3", "0.25.1", "0.28.2", "0.31.0", NEWEST)
DOCUMENT = Path(__file__).parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- versions: begin -->\n", "<!-- versions: end -->\n"
WORKS, FAILS = "works", "fails"
HEADINGS = ("client", *FLOWS, "tried on")

_SCRIPT = Path(__file__).with_name("client_flows.py")
_INSTALL_TIMEOUT = 300
_FLOW_TIMEOUT = 300
_AT_A_TIME = 3


class NoClientError(Exception):
    """pip cannot install a version of the client. The text is pip's reason."""


@dataclass(frozen=True)
class Client:
    """An environment with one version of the client."""

    version: str
    python: Path


def install(version: str, folder: Path) -> Client:
    """Return a new environment in `folder` that has only this client. Raises NoClientError."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wanted = "wandb" if version == NEWEST else f"wandb=={version}"
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
    done = _run(python, pip, os.environ, folder, _INSTALL_TIMEOUT)
    if done.returncode != 0:
        raise NoClientError(done.stderr.strip().rpartition("\n")[2] or f"pip: exit {done.returncode}")
    asked = ["-c", "import importlib.metadata as m; print(m.version('wandb'))"]
    return Client(_run(python, asked, os.environ, folder, _INSTALL_TIMEOUT).stdout.strip(), python)


def try_flow(flow: str, client: Client, server: LiveServer, folder: Path) -> str | None:
    """Run one flow in a new subfolder of `folder`. Return None if it works, else its output."""
    own = folder / flow
    own.mkdir()
    env = client_environment(server, own)
    env["PATH"] = f"{client.python.parent}{os.pathsep}{env['PATH']}"
    env.pop("PYTHONPATH", None)
    try:
        done = _run(client.python, [str(_SCRIPT), flow], env, own, _FLOW_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        return f"{error}: {error.stderr!r}"
    return None if done.returncode == 0 else done.stdout + done.stderr


def _run(
    python: Path, args: Sequence[str], env: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    command = [str(python), *args]
    return subprocess.run(
        command, env=env, cwd=folder, timeout=timeout, capture_output=True, text=True, check=False
    )


def try_all(client: Client, folder: Path) -> dict[str, str | None]:
    """Run every flow on a new server. Return what `try_flow` returns for each."""
    server = LiveServer(folder / "server")
    server.start()
    try:
        return {flow: try_flow(flow, client, server, folder) for flow in FLOWS}
    finally:
        server.stop()


def row(version: str) -> str:
    """Return a version's row of the table. Failures are printed on stderr."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        client = install(version, folder / "env")
        results = try_all(client, folder)
    for flow, output in results.items():
        print(f"{client.version} {flow}: {output or WORKS}", file=sys.stderr)
    shown = f"{NEWEST} ({client.version})" if version == NEWEST else version
    words = [FAILS if output is not None else WORKS for output in results.values()]
    return _line(shown, *words, f"{datetime.now(UTC):%Y-%m-%d}")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def write_table() -> None:
    """Run all flows with all versions and replace the table in the document."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:  # the flows mostly wait for heartbeats
        rows = "".join(pool.map(row, VERSIONS))
    table = _line(*HEADINGS) + _line(*["---"] * len(HEADINGS)) + rows
    head, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}{table}{END}{tail}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", required=True, help="write docs/compatibility.md")
    parser.parse_args()
    write_table()
