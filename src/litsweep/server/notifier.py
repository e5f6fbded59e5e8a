"""The thread that finds the events of sweeps with a webhook and posts them.

An event is stored as a notice before it is sent, so that a restart of the server neither loses nor repeats
it. If the server is killed between the receiver's answer and the next write, the notice is sent twice, with
the same `Idempotency-Key`.
"""

import threading
import time
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from sqlalchemy import Connection

from litsweep.server import clock
from litsweep.server.backend import Backend
from litsweep.server.guard import Guard
from litsweep.server.server_info import server_info
from litsweep.server.store import marks, notices, projects, sweeps
from litsweep.server.store.notices import NoticeRecord
from litsweep.server.store.stopped_by import BY_SEARCH
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed, parsed_or_none
from litsweep.server.sweep_observer import SweepObserver
from litsweep.server.webhook import post
from litsweep.server.wire_json import dumps
from litsweep.sweep.events import SweepEvent, event_text
from litsweep.sweep.run import count_words, state_word

PERIOD = 2.0
"""Seconds between two rounds."""
RETRY_AFTER = (5.0, 30.0, 120.0)
"""Seconds until the second, third and fourth attempt to send a notice."""


class Notifier:
    """The thread, which works from `start` to `stop`. It never delays a request."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._observers: dict[int, SweepObserver] = {}
        self._due: dict[int, float] = {}  # when the next attempt to send a notice is due
        self._ended = threading.Event()
        self._guard = Guard("notifier", self._ended)
        self._thread = threading.Thread(target=self._work, name="notifier", daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop. A notice that is being sent now is sent again after the next start of the server."""
        self._ended.set()
        self._thread.join(PERIOD)

    def _work(self) -> None:
        while not self._ended.wait(PERIOD):
            self._guard.run("round", self.run_once)

    def run_once(self) -> None:
        """Store the new events as notices, then send the notices that are due."""
        with self._backend.database.read() as connection:
            found = [sweep for sweep in notices.candidates(connection) if self._webhook(sweep)]
        self._observers = {sweep.id: self._observer(sweep) for sweep in found}
        for sweep in found:
            self._guard.run(f"sweep {sweep.name}", partial(self._store_events, sweep))
        with self._backend.database.read() as connection:
            waiting = notices.unsent(connection)
        for notice in waiting:
            if not self._ended.is_set() and time.monotonic() >= self._due.get(notice.id, 0.0):
                self._guard.run(f"notice {notice.id}", partial(self._send, notice))

    def _webhook(self, sweep: SweepRecord) -> str | None:
        """Return the address to post to. A config that cannot be read any more has none."""
        config = parsed_or_none(sweep.config)
        return config.webhook if config else None

    def _observer(self, sweep: SweepRecord) -> SweepObserver:
        """Return the sweep's observer. A changed config gets a new one."""
        known, config = self._observers.get(sweep.id), parsed(sweep.config)
        return known if known and known.config.raw == config.raw else SweepObserver(config)

    def _store_events(self, sweep: SweepRecord) -> None:
        observer = self._observers[sweep.id]
        with self._backend.database.read() as connection:
            outdated = [notice.id for notice in observer.outdated(connection, sweep)]
            events = [
                (event, self._body(connection, sweep, event)) for event in observer.events(connection, sweep)
            ]
        if not (outdated or events):
            return
        with self._backend.database.write() as connection:
            for notice_id in outdated:
                notices.change(connection, notice_id, closed_at=clock.now())
            for event, body in events:
                notices.add(connection, sweep.id, event, body)

    def _body(self, connection: Connection, sweep: SweepRecord, event: SweepEvent) -> str:
        """Return the JSON that is posted. Its `text` alone is a message for people, as in Slack."""
        observer = self._observers[sweep.id]
        best, metric = observer.best, observer.config.metric
        project = projects.one(connection, sweep.project_id)
        path = f"{project.entity}/{project.name}/{sweep.name}"
        counted = count_words(
            state_word(mark.state, mark.stopped_by in BY_SEARCH, mark.failure)
            for mark in marks.of_sweep(connection, sweep.id)
        )
        return dumps(
            {
                "text": event_text(
                    event, path, best, counted, observer.config.stalled_after, observer.is_unmet
                ),
                "event": event,
                "sweep": path,
                "name": sweep.display_name or observer.config.name,
                "url": self._page(project.entity, project.name, sweep.name),
                "state": sweep.state.lower(),
                "runs": dict(counted),
                "metric": metric.name if metric else None,
                "goal": metric.goal if metric else None,
                "best": best.value if best else None,
                "best_run": best.run if best else None,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )

    def _page(self, entity: str, project: str, sweep: str) -> str:
        info = server_info(self._backend.settings.data_dir)
        return f"{info.url if info else ''}/{quote(entity)}/{quote(project)}/sweeps/{sweep}"

    def _send(self, notice: NoticeRecord) -> None:
        """Try once to send a notice. After the last attempt it stays unsent."""
        with self._backend.database.read() as connection:
            sweep = sweeps.get(connection, notice.sweep_id)
        url = self._webhook(sweep) if sweep else None
        if sweep is None or url is None:  # deleted or changed meanwhile
            changes: dict[str, object] = {"attempts": notices.MAX_ATTEMPTS}
        elif error := post(url, notice.body, f"{sweep.name}-{notice.id}"):
            changes = {"attempts": notice.attempts + 1, "error": error}
            waits = dict(enumerate(RETRY_AFTER))
            self._due[notice.id] = time.monotonic() + waits.get(notice.attempts, 0.0)
        else:
            changes = {"sent_at": clock.now(), "error": None}
            self._due.pop(notice.id, None)
        if not self._ended.is_set():
            with self._backend.database.write() as connection:
                notices.change(connection, notice.id, **changes)
