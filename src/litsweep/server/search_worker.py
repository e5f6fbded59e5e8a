"""The search worker: a process that holds the searches of all sweeps and computes suggestions ahead of time.

The server starts it as `python -m litsweep.server.search_worker`. So a slow search delays no request, and
only this process imports PyTorch. It reads the database and never writes it. All that it knows is in the
database, so it can be killed at any time.
"""

import gc
import json
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.lifetime import die_with_parent
from litsweep.server import clock
from litsweep.server.database import Database
from litsweep.server.earlier_sweeps import earlier_sweeps
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.search_protocol import Answer, Failed, Message, ReadySuggestion, Request, Status, Working
from litsweep.server.store import suggestions, sweeps
from litsweep.server.store.sweeps import SweepRecord

AHEAD, AHEAD_IF_RESULTS_MATTER = 20, 1
"""The number of suggestions made ahead for a sweep with an agent, beside one for each waiting agent."""
AGENT_LIVES_FOR = 60.0
"""Suggestions are made ahead for this many seconds after an agent's last heartbeat."""
UNUSED_AFTER = 30.0
"""Seconds after which the search of a sweep that gets no runs is dropped."""
READ_ALL_AFTER = 10.0
"""Seconds after which a request looks for changes in all runs, not only in those that the server names."""
BATCH_TIME = 0.02
"""Fast suggestions are collected for this many seconds and sent together."""


@dataclass
class _Sweep:
    """The search of one sweep, and the server's last request for it.

    `pending` is a request that the worker has not begun. `made` counts the suggestions of the current
    `generation`. `wanted` is the number of open suggestions to reach. `seconds` is the time that a suggestion
    took.
    """

    id: int
    live: LiveSweep | None = None
    pending: Request | None = None
    number: int = 0
    generation: int = 0
    made: int = 0
    wanted: int = 0
    is_idle: bool = False
    seconds: float = 0.0
    read_at: float = field(default_factory=time.monotonic)
    used_at: float = field(default_factory=time.monotonic)

    @property
    def needs_suggestion(self) -> bool:
        return self.live is not None and self.wanted > len(self.live.open)


class SearchWorker:
    """Answers requests. `send` gets its messages."""

    def __init__(self, database: Database, send: Callable[[Message], None]) -> None:
        self._database = database
        self._send = send
        self._sweeps: dict[int, _Sweep] = {}

    def receive(self, request: Request) -> None:
        """Accept a request. Merge it with an older one for the same sweep that has not begun."""
        sweep = self._sweeps.setdefault(request.sweep_id, _Sweep(request.sweep_id))
        if sweep.pending is not None:
            old = sweep.pending
            both = None if old.changed is None or request.changed is None else old.changed | request.changed
            request = replace(request, changed=both, is_rebuilt=old.is_rebuilt or request.is_rebuilt)
        sweep.pending = request

    def work(self) -> bool:
        """Do one piece of work. Return False if there is none."""
        sweep = self._next()
        if sweep is None:
            return False
        self._send(Working(sweep.id))
        try:
            if sweep.pending is not None:
                self._refresh(sweep, sweep.pending)
            else:
                self._suggest(sweep)
        except Exception as error:
            number = sweep.pending.number if sweep.pending else sweep.number
            del self._sweeps[sweep.id]
            self._send(Failed(sweep.id, number, _one_line(error), traceback.format_exc()))
        return True

    def drop_unused(self) -> None:
        """Drop the searches of sweeps that get no runs now."""
        limit = time.monotonic() - UNUSED_AFTER
        for sweep_id, sweep in list(self._sweeps.items()):
            if sweep.is_idle and sweep.pending is None and sweep.used_at < limit:
                del self._sweeps[sweep_id]

    def _next(self) -> _Sweep | None:
        """Return the sweep to work on: those with a request first, then those with fast suggestions."""
        asked = [(s.pending.waiting, s.id) for s in self._sweeps.values() if s.pending is not None]
        if asked:
            return self._sweeps[max(asked)[1]]
        due = (s for s in self._sweeps.values() if s.needs_suggestion)
        return min(due, key=lambda s: (s.seconds, s.used_at, s.id), default=None)

    def _refresh(self, sweep: _Sweep, request: Request) -> None:
        """Read the changes. Answer with the status and the open suggestions."""
        with self._database.read() as connection:
            record = sweeps.get(connection, sweep.id)
            if record is None:
                del self._sweeps[sweep.id]
                self._send(Answer(sweep.id, request.number, 0, is_last=True, is_idle=True))
                return
            sweep.number = request.number
            is_live = _is_live(connection, record)
            is_new = self._read_changes(connection, sweep, record, request)
        sweep.pending = None
        sweep.used_at, sweep.is_idle = time.monotonic(), not (is_live or request.waiting)
        live = sweep.live
        if live is None:  # the sweep's own scheduler chooses the runs
            self._answer(sweep, status=Status(), is_last=True)
            return
        sweep.wanted = 0
        if record.state.wants_runs and live.done_because is None:
            ahead = AHEAD_IF_RESULTS_MATTER if live.uses_results else AHEAD
            sweep.wanted = request.waiting + (ahead if is_live else 0)
        first = sweep.made - len(live.open)
        start = max(first, request.received if request.generation == sweep.generation else 0)
        self._answer(
            sweep,
            position=start,
            suggestions=tuple(live.open.values())[start - first :],
            done_because=live.done_because,
            status=live.status() if is_new or request.changed is None else None,
            is_last=not sweep.needs_suggestion,
        )

    def _read_changes(
        self, connection: Connection, sweep: _Sweep, record: SweepRecord, request: Request
    ) -> bool:
        """Refresh the search, or build it. Return True if something has changed."""
        if record.scheduler is not None:
            sweep.live = None
            return True
        if request.is_rebuilt or sweep.live is None:
            self._build(connection, sweep, record)
            return True
        before = sweep.live.withdrawals
        is_whole = request.changed is None or time.monotonic() > sweep.read_at + READ_ALL_AFTER
        is_new = sweep.live.refresh(connection, None if is_whole else request.changed)
        if sweep.live.is_outdated:
            self._build(connection, sweep, record)
            return True
        sweep.read_at = time.monotonic() if is_whole else sweep.read_at
        if sweep.live.withdrawals != before:
            sweep.generation, sweep.made = request.number, 0
        return is_new

    def _build(self, connection: Connection, sweep: _Sweep, record: SweepRecord) -> None:
        """Build a search. Before that, send the suggestions of an earlier search that are still valid."""
        sweep.live = live = LiveSweep(record, earlier_sweeps(connection, record))
        stored = json.loads(suggestions.get(connection, record.id))
        ready = live.still_valid(connection, [ReadySuggestion(*row) for row in stored])
        sweep.generation, sweep.made = sweep.number, len(ready)
        if ready:
            self._answer(sweep, suggestions=ready, is_early=True)
        live.refresh(connection)
        live.restore(ready)

    def _suggest(self, sweep: _Sweep) -> None:
        """Send the next suggestion, or several if they are fast."""
        assert sweep.live is not None
        begun, position, made = time.monotonic(), sweep.made, list[ReadySuggestion]()
        while sweep.needs_suggestion and (not made or time.monotonic() < begun + BATCH_TIME):
            suggestion = sweep.live.suggest()
            if suggestion is None:
                sweep.wanted = 0
            else:
                made.append(suggestion)
        sweep.made += len(made)
        sweep.seconds = (time.monotonic() - begun) / max(1, len(made))
        sweep.used_at = time.monotonic()
        self._answer(
            sweep,
            position=position,
            suggestions=tuple(made),
            done_because=sweep.live.end if sweep.wanted == 0 else None,
            is_last=not sweep.needs_suggestion,
        )

    def _answer(self, sweep: _Sweep, **content: Any) -> None:
        uses_results = sweep.live is None or sweep.live.uses_results
        basis = Answer(
            sweep.id, sweep.number, sweep.generation, uses_results=uses_results, is_idle=sweep.is_idle
        )
        self._send(replace(basis, seconds=sweep.seconds, **content))


def _one_line(error: Exception) -> str:
    if isinstance(error, LitsweepError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _is_live(connection: Connection, record: SweepRecord) -> bool:
    """Return True if the sweep gets suggestions ahead: it has an agent, or was just created."""
    limit = clock.now() - AGENT_LIVES_FOR
    if record.scheduler is not None or not record.state.wants_runs:
        return False
    return record.created_at > limit or sweeps.has_live_agent(connection, record.id, limit)


def main() -> None:
    """Work until the server closes its end of the pipe, whose descriptor is the argument."""
    die_with_parent()
    # Reading many runs makes few cycles, and takes a third less time with a high threshold.
    gc.set_threshold(100_000, 20, 100)
    pipe: Pipe[Message, Any] = Pipe(int(sys.argv[1]))
    with suppress(EOFError, ConnectionError):  # the server has stopped
        _serve(SearchWorker(Database(pipe.recv()), pipe.send), pipe)


def _serve(worker: SearchWorker, pipe: "Pipe[Message, Any]") -> None:
    is_busy = False
    while True:
        while pipe.poll(0 if is_busy else UNUSED_AFTER):
            worker.receive(pipe.recv())
            is_busy = True
        is_busy = worker.work()
        if not is_busy:
            worker.drop_unused()


if __name__ == "__main__":
    main()
