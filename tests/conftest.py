"""What all tests share: a real server, and a client's environment that leaks nothing."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 << 30  # bytes; a run of the suite takes .6 GiB


def pytest_configure() -> None:
    """Put the tests' folders in memory where there is room: their databases then wait for no disk.

    With several workers, give torch one thread in each: threads that wait for each other use up the cores.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A running server with a data folder of its own."""
    live = LiveServer(tmp_path / "server")
    live.start()
    yield live
    live.stop()


@pytest.fixture
def client_env(server: LiveServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a stock wandb client that talks to `server` and writes below `tmp_path` only."""
    return client_environment(server, tmp_path)


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A running server that a module's tests share."""
    live = LiveServer(tmp_path_factory.mktemp("shared") / "server")
    live.start()
    yield live
    live.stop()


@pytest.fixture(scope="module")
def module_env(module_server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """As `client_env`, for `module_server`."""
    return client_environment(module_server, tmp_path_factory.mktemp("client"))


def client_environment(server: LiveServer, folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return inherited | {
        "HOME": str(home),
        "NETRC": str(home / "netrc"),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": server.key,
        "WANDB_DIR": str(folder),
        "WANDB_CONFIG_DIR": str(home / "config"),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DATA_DIR": str(home / "data"),
        "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1",
        "WANDB_AGENT_REPORT_INTERVAL": "1",
        "WANDB_SILENT": "false",
        "WANDB_CONSOLE": "off",
        "WANDB_ERROR_REPORTING": "false",  # the client sends its own errors to W&B
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
