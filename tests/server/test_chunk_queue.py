"""Chunks that arrive together are stored together, with the same result as one after the other."""

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from sqlalchemy import Engine, event, select

from litsweep.server import run_states
from litsweep.server.backend import Backend
from litsweep.server.chunk_queue import ChunkQueue, store_batch
from litsweep.server.chunk_store import SentChunk, Stored
from litsweep.server.file_stream import read
from litsweep.server.settings import Settings
from litsweep.server.store import lines, projects, runs
from litsweep.server.store.lines import HISTORY, stream_lines


def sent(run: str, first: int, n: int, **extra: Any) -> SentChunk:
    """Return a chunk with `n` rows from `first` on, and the summary."""
    rows = [
        json.dumps({"_step": step, "loss": step / 7, "in": {"x": -step}}) for step in range(first, first + n)
    ]
    files = {
        "wandb-history.jsonl": {"offset": first, "content": rows},
        "wandb-events.jsonl": {"offset": first, "content": rows[:1]},
        "output.log": {"offset": first, "content": [f"line {first}"]},
        "wandb-summary.json": {"offset": 0, "content": rows[-1:]},
    }
    return read(("local", "p", run), json.dumps({"files": files, **extra}).encode(), {})


def add_runs(backend: Backend, *names: str) -> None:
    with backend.database.write() as connection:
        home = projects.ensure(connection, "local", "p")
        for name in names:
            run_states.start(connection, run_states.create(connection, home.id, name, {}))


def history(backend: Backend, name: str) -> list[int | None]:
    with backend.database.read() as connection:
        run = runs.find_by_path(connection, "local", "p", name)
        assert run is not None
        return [line.step for line in lines.read(connection, run.id, HISTORY)]


def store_together(backend: Backend, chunks: Sequence[SentChunk]) -> list[Any]:
    async def store() -> list[Any]:
        queue = ChunkQueue(backend)
        return await asyncio.gather(*(queue.store(chunk) for chunk in chunks), return_exceptions=True)

    return asyncio.run(store())


def test_many_runs_share_a_transaction(backend: Backend) -> None:
    names = [f"r{n}" for n in range(60)]
    add_runs(backend, *names)
    commits: list[object] = []
    event.listen(Engine, "commit", count := lambda connection: commits.append(connection.engine))
    try:
        found = store_together(backend, [sent(name, 3 * n, 3) for n in range(2) for name in names])
    finally:
        event.remove(Engine, "commit", count)
    assert all(isinstance(run, Stored) for run in found)
    assert all(history(backend, name) == list(range(6)) for name in names)
    assert len(commits) < 6


def test_one_that_cannot_be_stored_fails_alone(backend: Backend) -> None:
    add_runs(backend, "first", "broken", "last")
    with backend.database.write() as connection:
        connection.execute(runs.runs.update().where(runs.runs.c.name == "broken").values(history_keys="{"))
    chunks = [sent("first", 0, 2), sent("broken", 0, 2), sent("nobody", 0, 2), sent("last", 0, 2)]
    first, broken, nobody, last = store_together(backend, chunks)
    assert (first.run.name, nobody, last.run.name) == ("first", None, "last") and isinstance(
        broken, ValueError
    )
    assert [history(backend, name) for name in ("first", "broken", "last")] == [[0, 1], [], [0, 1]]


def test_a_chunk_of_a_process_that_does_not_own_the_run_is_no_sign_of_it(backend: Backend) -> None:
    add_runs(backend, "a")
    with backend.database.write() as connection:
        connection.execute(runs.runs.update().values(dispatches=2, history_lines=3))
    gap = sent("a", 5, 1)
    (foreign,) = store_batch(backend, [gap])
    assert isinstance(foreign, Stored) and foreign.should_stop and foreign.run.stopped_by is None
    assert history(backend, "a") == [] and not backend.liveness._runs


def test_a_request_that_is_cancelled_disturbs_no_other(backend: Backend) -> None:
    async def store() -> None:
        queue = ChunkQueue(backend)
        tasks = [asyncio.create_task(queue.store(sent("a", n, 1))) for n in range(6)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [True, False] * 3
        await queue.store(sent("a", 6, 1))

    add_runs(backend, "a")
    asyncio.run(store())
    assert history(backend, "a") == list(range(7))


def test_a_thread_that_cannot_start_leaves_no_request_waiting(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    async def store() -> None:
        queue = ChunkQueue(backend)
        with monkeypatch.context() as patched:
            patched.setattr(to_thread, "run_sync", fail)
            with pytest.raises(RuntimeError, match="new thread"):
                await asyncio.wait_for(queue.store(sent("a", 0, 1)), 5)
        await queue.store(sent("a", 0, 1))

    add_runs(backend, "a")
    asyncio.run(store())
    assert history(backend, "a") == [0]


def stored(backend: Backend) -> dict[str, Any]:
    """Return everything that chunks write, without times and the numbers of changes."""
    with backend.database.read() as connection:
        found = [vars(run) for run in runs.select_all(connection)]
        rows = connection.execute(select(stream_lines)).all()
    times = ("started_at", "ended_at", "heartbeat_at", "created_at", "changed")
    return {
        "runs": [{key: value for key, value in run.items() if key not in times} for run in found],
        "has_ended": [run["ended_at"] is not None for run in found],
        "lines": sorted(map(tuple, rows), key=repr),
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_stored_as_its_chunks_one_by_one(tmp_path: Path, seed: int) -> None:
    """The chunks are of fresh, restarted, waiting and crashed runs: resent, with gaps, and with exits."""
    rng = random.Random(seed)
    names = [f"r{n}" for n in range(8)]
    extras: list[dict[str, Any]] = [{}] * 6 + [
        {"complete": True, "exitcode": 0},
        {"complete": True, "exitcode": 1},
    ]
    extras.append({"preempting": True})
    chunks = [
        sent(rng.choice(names), rng.choice([0, 0, 2, 5]), rng.randint(0, 4), **rng.choice(extras))
        for _ in range(60)
    ]
    results = []
    for folder, size in (("one", 1), ("many", 30)):
        backend = Backend.open(Settings(tmp_path / folder))
        _prepare(backend, names)
        for start in range(0, len(chunks), size):
            store_batch(backend, chunks[start : start + size])
        results.append(stored(backend))
        backend.close()
    assert results[0] == results[1]


def _prepare(backend: Backend, names: Sequence[str]) -> None:
    add_runs(backend, *names)
    store_batch(backend, [sent(name, 0, 6) for name in names[2:]])
    with backend.database.write() as connection:
        for run in runs.select_all(connection):
            if run.name in names[4:6]:
                run_states.end(connection, run, 1)
                run_states.start(connection, run)  # restarted: its streams are stale
            elif run.name in names[6:]:
                run_states.lose(connection, run)
    add_runs(backend, "waiting")
