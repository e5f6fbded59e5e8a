"""The rows that are kept until the server has them."""

import os
import signal
from pathlib import Path

import pytest
import wandb

from litsweep.pipeline.tracking import SERVICE_GONE, RunLogger, start, start_again
from tests.live_server import LiveServer


def begin() -> wandb.Run:
    return start("online", "r", {}, lambda: None)


def end_service() -> None:
    """End the wandb service of this process, as a cluster does."""
    (service,) = [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if f"--pid\0{os.getpid()}\0" in entry.read_text(errors="replace")
    ]
    os.kill(service, signal.SIGTERM)
    os.waitpid(service, 0)


@pytest.fixture(autouse=True)
def slow_service(online: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "p")
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "15")


def test_rows_that_the_service_had_not_sent_are_sent_by_another() -> None:
    with begin() as run:  # an earlier attempt: a resumed run's rows are numbered on
        RunLogger(run, bool).log_metrics({"a": 0.0}, step=0)
    run = begin()
    logger = RunLogger(run, is_preempted=lambda: True)
    logger.log_metrics({"a": 1.0}, step=1)
    assert list(logger.rows_from(1)) == [{"a": 1.0, "trainer/global_step": 1}]
    assert list(logger.rows_from(2)) == []
    end_service()
    logger.log_metrics({"a": 2.0}, step=2)
    start_again("r", {}, logger).finish()
    history = wandb.Api().run("local/p/r").scan_history()
    assert [row["a"] for row in history] == [0.0, 1.0, 2.0]


def test_without_a_sigterm_the_end_of_the_service_ends_the_run() -> None:
    run = begin()
    end_service()
    with pytest.raises(SERVICE_GONE):
        RunLogger(run, is_preempted=lambda: False).log_metrics({"a": 1.0}, step=1)
    start_again("r", {}, RunLogger(run, bool)).finish()  # the process' atexit handlers want a service
