"""Mutated requests to every route, random GraphQL operations, and mutated sweep configs."""

import asyncio
import json
import logging
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from litsweep.errors import ConfigError
from litsweep.server import database
from litsweep.server.app import create_app
from litsweep.server.graphql.lenient import MOST_GAPS
from litsweep.server.graphql.schema import build_schema
from litsweep.server.settings import Settings
from litsweep.sweep.config import parse_sweep
from tests.server.fuzzing import Answer, Caller, Errors, Generator, Mutator, Sent, recorded
from tests.server.population import Population

SEED = 1
SLOWEST = 2.0
ROOT = Path(__file__).parents[2]
CONFIGS = [
    *sorted((ROOT / "sweeps").glob("*.yaml")),
    *sorted((ROOT / "tests/compat/sweep_files").glob("*.yaml")),
]
MEMORY_PER_INPUT = 2_000
"""Bytes by which the process may grow for each input: what SQLite and the process keep of stored data."""


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Return a caller of a server with data. Its database does not sync, which saves most of the time."""
    configure = database._configure

    def configure_without_sync(connection: Any, record: object) -> None:
        configure(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(database, "_configure", configure_without_sync)
    return Caller(create_app(Settings(tmp_path / "data")))


def pages(sweep: str) -> list[Sent]:
    """Return the requests for every page and for its data."""
    run = "/local/p/runs/first"
    paths = ["/", "/local/p", run, f"/local/p/sweeps/{sweep}", "/login", "/healthz", f"/-/file{run}/file.txt"]
    data = [
        "/projects",
        "/local/p",
        run,
        *(f"{run}/{part}" for part in ("parts", "charts", "figures?name=loss&x=time", "summary", "values")),
        *(f"{run}/{part}" for part in ("log", "log/search?text=a", "media?name=x", "text?name=file.txt")),
        f"{run}/system",
        f"/local/p/sweeps/{sweep}",
    ]
    files = ["/artifactsV2/default/local/p/data/x/00/x", "/-/static/run.js"]
    return [Sent("GET", path) for path in (*paths, *files, *(f"/-/data{path}" for path in data))]


def inputs(base: list[Sent], first: int, count: int) -> Iterator[Sent]:
    schema = build_schema()._schema
    for number in range(first, first + count):
        mutator = Mutator(SEED * 10**9 + number)
        is_mutation = number % 2 == 0
        yield (
            mutator.request(mutator.random.choice(base))
            if is_mutation
            else Generator(schema, mutator).request()
        )


def is_wrong(answer: Answer) -> bool:
    return (
        answer.error is not None
        or not 200 <= answer.status < 500
        or answer.seconds > SLOWEST
        or b"internal error" in answer.body
        or b"Traceback" in answer.body
    )


def fuzz(caller: Caller, count: int) -> Errors:
    """Send inputs, then valid requests. Each answer must be right. Return the log."""
    log = Errors()
    logging.getLogger().addHandler(log)
    try:
        population = Population(caller)
        sweep = asyncio.run(population.create())
        base = [*recorded(sweep, population.agent), *pages(sweep)]
        wrong: list[tuple[int, Sent, Answer]] = []
        numbers = iter(range(count + len(base)))

        def check(sent: Sent, answer: Answer) -> None:
            number = next(numbers)
            if is_wrong(answer) and len(wrong) < 5:
                wrong.append((number, sent, answer))

        caller.send_all(inputs(base, 0, count), check)
        caller.send_all(iter(base), check)
        assert not wrong, f"seed {SEED}, number, request and answer: {wrong}"
        return log
    finally:
        logging.getLogger().removeHandler(log)


def test_no_request_breaks_the_server(caller: Caller) -> None:
    log = fuzz(caller, 4_000)
    assert log.errors == []
    assert log.count <= MOST_GAPS


@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_no_request_of_many_breaks_the_server(caller: Caller) -> None:
    fuzz(caller, 2_000)
    before = _memory()
    log = fuzz(caller, 90_000)
    assert log.errors == []
    assert log.count <= MOST_GAPS
    assert _memory() - before < 90_000 * MEMORY_PER_INPUT


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check_configs(first: int, count: int) -> None:
    texts = [path.read_text() for path in CONFIGS]
    for number in range(first, first + count):
        mutator = Mutator(number)
        text = mutator.random.choice(texts)
        content = mutator.json(yaml.safe_load(text))
        try:
            mutated = [mutator.text(text), json.dumps(content), content][number % 3]
        except RecursionError:
            continue
        start = time.monotonic()
        try:
            parse_sweep(mutated)
        except ConfigError as error:
            assert str(error)
        except Exception as error:
            raise AssertionError(f"seed {number}: {mutated!r:.5000}") from error
        assert time.monotonic() - start < SLOWEST, f"seed {number}: {mutated!r:.5000}"


def test_no_sweep_config_breaks_the_parser() -> None:
    check_configs(0, 1_000)


@pytest.mark.slow
def test_no_sweep_config_of_many_breaks_the_parser() -> None:
    check_configs(1_000, 9_000)
