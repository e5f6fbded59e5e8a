"""Fixtures: runs of agent.py inside the test process, on data that is prepared once."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from litsweep.pipeline import main
from litsweep.pipeline.datamodule import ImageDataModule
from tests import stock_service
from tests.live_server import LiveServer


@dataclass(frozen=True)
class Finished:
    """The output of a run: its exit code, the lines of its result, and stderr."""

    exit_code: int
    result: dict[str, str]
    stderr: str


RunAgent = Callable[..., Finished]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove W&B's settings and the state of earlier runs, and enter a new working directory."""
    stock_service.teardown()  # else the address of an ended service would be set again after the test
    for name in [*os.environ]:
        if name.startswith(("WANDB_", "LITSWEEP_", "PL_")):
            monkeypatch.delenv(name)
    for name in ("LITSWEEP_RUN_ID", "LITSWEEP_PARENT_PID", "PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        monkeypatch.setenv(name, "")  # so that what a run sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    stock_service.teardown()  # the client keeps the settings of its first run, also a sweep's parameters


@pytest.fixture
def online(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    """Set up a server for runs inside the test process. The client reads its environment once per setup."""
    stock_service.teardown()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)
    yield server
    stock_service.teardown()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder with the digits."""
    folder = tmp_path_factory.mktemp("cache")
    ImageDataModule("digits", cache=str(folder)).prepare_data()
    return folder


@pytest.fixture
def run_agent(cache: Path, capsys: pytest.CaptureFixture[str]) -> RunAgent:
    """Run agent.py's main on two batches of digits, unless the flags say otherwise."""

    def run(*argv: str) -> Finished:
        small = [
            f"--data.cache={cache}",
            "--data.dataset=digits",
            "--model.width=4",
            "--trainer.max_epochs=2",
            "--trainer.limit_train_batches=3",
            "--trainer.limit_val_batches=2",
            "--trainer.limit_test_batches=2",
            "--trainer.enable_model_summary=false",
        ]
        given = {flag.partition("=")[0] for flag in argv}
        own_data = "--data" in given
        defaults = [
            flag
            for flag in small
            if flag.partition("=")[0] not in given and not (own_data and flag.startswith("--data."))
        ]
        if "--model" in given:
            defaults.remove("--model.width=4")
        exit_code = main([*defaults, *argv])
        out, err = capsys.readouterr()
        print(err, file=sys.stderr)  # pytest shows it when the test fails
        result = dict(line.split(maxsplit=1) for line in out.splitlines())
        return Finished(exit_code, result, err)

    return run
