"""A command imports only what it uses, and says at once what it does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from litsweep.cli.server_address import use_server
from litsweep.cli.sweep_sums import _of_runs, read_sums
from litsweep.launch.directory import _ON_ANY_SERVER, directory
from litsweep.launch.watch import SweepWatch
from litsweep.server.backend import Backend
from litsweep.server.settings import Settings
from litsweep.server.store.runs import runs
from tests.conftest import client_environment
from tests.live_server import LiveServer
from tests.server.dashboard.conftest import fill, fill_grid, fill_two_metrics

LARGE = ("wandb", "torch", "lightning", "requests", "numpy", "sqlalchemy", "starlette", "pydantic")
CODE = """
import json, sys
from litsweep.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as error:
    code = error.code
print(json.dumps([code, sorted(name for name in sys.modules if "." not in name)]), file=sys.stderr)
"""


class Filled(LiveServer):
    """A server with a sweep of one metric, one of two metrics, and a grid."""

    paths: tuple[str, ...] = ()

    def fill(self) -> None:
        backend = Backend.open(Settings(Path(self.data_dir)))
        with backend.database.write() as connection:
            pages = fill(connection, backend), fill_two_metrics(connection), fill_grid(connection)
            # as clients write them
            connection.execute(runs.update().values(last_step=runs.c.history_lines))
            suggested = runs.c.parameters.is_not(None)
            connection.execute(runs.update().where(suggested).values(config=runs.c.parameters))
        backend.close()
        self.paths = tuple(page.strip("/").replace("/sweeps", "") for page in pages)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    server = Filled(tmp_path_factory.mktemp("filled") / "server")
    server.fill()
    server.start()
    yield server
    server.stop()


def imported(argv: list[str], environ: dict[str, str]) -> set[str]:
    """Return the top-level modules that a command has imported in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *argv], env=environ, capture_output=True, text=True, check=False
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


def test_help_and_env_import_nothing_large(filled: Filled) -> None:
    environ = {**os.environ, "LITSWEEP_HOME": str(filled.data_dir)}
    for argv in (["--help"], ["env"]):
        assert not imported(argv, environ) & set(LARGE), argv


def test_status_and_best_need_no_client(filled: Filled, tmp_path: Path) -> None:
    environ = client_environment(filled, tmp_path)
    needless = set(LARGE) - {"requests"}
    for argv in (["status"], ["status", filled.paths[0]], ["best", filled.paths[0]]):
        assert not imported(argv, environ) & needless, argv


def test_the_server_s_sums_are_those_of_the_runs(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", filled.url)
    monkeypatch.setenv("WANDB_API_KEY", filled.key)
    use_server(filled.data_dir)
    for path in filled.paths:
        sums = read_sums(path)
        by_runs = _of_runs(SweepWatch(path).read())
        assert sums.result.as_dict() == by_runs.result.as_dict(), path
        assert sums.grid == by_runs.grid
        assert sums.result.best is not None or sums.grid is not None
    assert sums.grid is not None and len(sums.grid.points) == 4
    assert read_sums(filled.paths[1]).result.front


def test_the_list_counts_like_a_list_of_the_runs(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", filled.url)
    monkeypatch.setenv("WANDB_API_KEY", filled.key)
    server = directory()
    by_sums, by_runs = server.sweeps(), server._sweeps(_ON_ANY_SERVER)
    assert sorted(map(str, by_sums)) == sorted(map(str, by_runs))
    assert {entry.path for entry in by_sums} == set(filled.paths)


LOGS_ANOTHER_NAME = """
import time, wandb
with wandb.init() as run:
    run.log({"loss": 1.0})
time.sleep(0 if run.config.x == 1 else 60)
"""
SWEEP = """
program: train.py
method: grid
metric: {name: accuracy}
parameters: {x: {values: [1, 2]}}
"""


def test_run_says_at_once_what_it_does_and_warns_at_the_first_finished_run(
    client_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(LOGS_ANOTHER_NAME)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    argv = [sys.executable, "-m", "litsweep", "run", "sweep.yaml", "--port", "0", "--data-dir", "data"]
    with subprocess.Popen(argv, cwd=tmp_path, env=client_env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Starting the server on data")
        said = next(line for line in process.stderr if "warning" in line)
        process.terminate()
        process.stderr.read()
    assert "finished without logging accuracy; it logged: loss" in said
    assert process.returncode is not None
