"""The log: one message of each kind a minute, and a limited size."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from litsweep.server.log import RateLimit


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Return what a logger logs that filters repeats within half a second."""
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(RateLimit(0.5))
    logger = logging.getLogger("repeats")
    logger.addHandler(handler)
    logger.propagate = False
    yield logged
    logger.removeHandler(handler)


def warn(number: int) -> None:
    logging.getLogger("repeats").warning("number %d", number)


def fail(kind: type[Exception]) -> None:
    try:
        if kind is KeyError:
            raise KeyError("a")
        raise kind
    except Exception:
        logging.getLogger("repeats").exception("it failed")


def test_a_repeated_message_is_logged_once_with_a_count(lines: list[str]) -> None:
    for number in range(1000):
        warn(number)
    assert lines == ["number 0"]
    fail(ValueError)
    fail(ValueError)
    fail(KeyError)
    assert lines[1:] == ["it failed", "it failed"]
    time.sleep(0.5)
    warn(7)
    assert lines[-1] == "number 7 (999 more like this before)"


def test_a_log_file_is_limited_and_has_what_the_process_prints(tmp_path: Path) -> None:
    program = f"""
import logging, os, pathlib, sys
from litsweep.server import log
log.LARGEST_FILE = 20_000
logging.getLogger().setLevel(logging.INFO)
with log.logging_to(pathlib.Path({str(tmp_path / "server.log")!r})):
    for n in range(2000):
        logging.getLogger("x").info("line %d %s", n, "x" * 50)
    print("printed", flush=True)
"""
    with (tmp_path / "server.log").open("ab") as output:
        subprocess.run([sys.executable, "-c", program], stdout=output, stderr=output, check=True)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["server.log", "server.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 41_000
    text = (tmp_path / "server.log").read_text()
    assert "line 1999" in text and text.endswith("printed\n")
