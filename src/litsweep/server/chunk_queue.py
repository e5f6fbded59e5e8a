"""The queue of chunks: while one batch is being stored, new chunks collect in the next one.

A busy server stores the chunks of many runs in one transaction. An idle server stores each chunk at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import OperationalError

from litsweep.server.backend import Backend
from litsweep.server.chunk_store import SentChunk, Stored, store_chunks
from litsweep.server.errors import UnavailableError

MAX_CHUNKS, MAX_LINES = 200, 2000
"""The size of a batch. Other writers wait while a batch is stored."""

Outcome = Stored | None | Exception
"""The stored chunk's run, None if there is no such run, or the error that prevented storing."""


@dataclass
class _Batch:
    chunks: list[SentChunk] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    lines: int = 0
    is_stored: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_full(self) -> bool:
        return len(self.chunks) >= MAX_CHUNKS or self.lines >= MAX_LINES

    def add(self, sent: SentChunk) -> int:
        self.chunks.append(sent)
        self.lines += sum(len(part.lines) for part in sent.chunk.parts.values())
        return len(self.chunks) - 1


class ChunkQueue:
    """Stores the chunks of a server's requests. Call `store` in the event loop."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._batches: list[_Batch] = []
        self._task: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)  # a thread of its own: GraphQL requests may use up the others

    async def store(self, sent: SentChunk) -> Stored | None:
        """Store a chunk and return once it is on disk. Return None if there is no such run."""
        if not self._batches or self._batches[-1].is_full:
            self._batches.append(_Batch())
        batch = self._batches[-1]
        index = batch.add(sent)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        await batch.is_stored.wait()
        outcome = batch.outcomes[index]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _work(self) -> None:
        try:
            while self._batches:
                batch = self._batches.pop(0)
                try:
                    batch.outcomes = await to_thread.run_sync(
                        store_batch, self._backend, batch.chunks, limiter=self._thread
                    )
                except Exception as error:  # for example no memory for a thread
                    batch.outcomes = [error] * len(batch.chunks)
                batch.is_stored.set()
        finally:
            self._task = None


def store_batch(backend: Backend, batch: Sequence[SentChunk]) -> list[Outcome]:
    """Store chunks in one transaction. If one cannot be stored, store each in its own transaction."""
    try:
        with backend.database.write() as connection:
            found: list[Outcome] = list(store_chunks(connection, batch))
    except Exception as error:
        is_unavailable = isinstance(error, OperationalError | UnavailableError)  # not the fault of a chunk
        if len(batch) == 1 or is_unavailable:
            return [error] * len(batch)
        return [store_batch(backend, [sent])[0] for sent in batch]
    for stored in found:
        if isinstance(stored, Stored) and not stored.is_foreign:
            backend.liveness.note_run(stored.run.id)
            if stored.run.sweep_id is not None:
                backend.searches.mark_changed(stored.run.sweep_id, stored.run)
    return found
