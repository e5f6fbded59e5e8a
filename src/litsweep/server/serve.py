"""The server process, one for each data folder."""

import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from litsweep.errors import LitsweepError
from litsweep.server import log
from litsweep.server.app import create_app
from litsweep.server.connections import (
    ACCEPTED_AT_ONCE,
    KEEP_ALIVE_SECONDS,
    RESERVED_FILES,
    GuardedConnection,
    Reaper,
    raise_file_limit,
)
from litsweep.server.data_dir import LOCK, locked, make_data_dir, private_files
from litsweep.server.host_names import HostNames
from litsweep.server.listener import BACKLOG, listening
from litsweep.server.server_info import ServerInfo, announced, server_info
from litsweep.server.settings import Settings


def serve(settings: Settings, on_ready: Callable[[ServerInfo], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. Call `on_ready` when the server accepts connections.

    Raises:
        LitsweepError: the data folder cannot be used, the port is taken, or another server uses the data. The
            last can also happen later: another server takes a PostgreSQL database after its restart.
    """
    make_data_dir(settings.data_dir)
    GuardedConnection.max_connections = max(RESERVED_FILES, raise_file_limit() - RESERVED_FILES)
    with (
        private_files(),
        log.logging_to(settings.log),
        _data_lock(settings.data_dir),
        _database_lock(settings),
        listening(settings) as listener,
    ):
        info = ServerInfo(_url(settings.host, listener.getsockname()[1]), os.getpid())
        app = create_app(settings)
        named = HostNames(app, (settings.host, *settings.allowed_hosts))
        with announced(settings.data_dir, info):
            server = _Server(_config(named), info, on_ready, app.state.backend.searches.stop)
            app.state.end = server.end
            server.run(sockets=[listener])
    if server.failure is not None:
        raise server.failure


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GuardedConnection,
        ws="none",
        log_config=None,
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )


def _freeze_long_lived_objects() -> None:
    """Exempt modules, the GraphQL schema and other permanent objects from garbage collection.

    A full collection traversed them for 0.2 s, and the server answered no request during that time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class _Server(uvicorn.Server):
    """A server that calls `on_ready` after startup, and does not re-raise the signal that stopped it.

    It calls `before_stop` before it waits for the requests that it still answers.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        info: ServerInfo,
        on_ready: Callable[[ServerInfo], None] | None,
        before_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._before_stop = before_stop
        self._info = info
        self._on_ready = on_ready
        self._reaper = Reaper()
        self.failure: LitsweepError | None = None

    def end(self, failure: LitsweepError) -> None:
        """End the server because of an error."""
        self.failure = failure
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # uvicorn's own backlog also is the number that asyncio accepts at once
        _freeze_long_lived_objects()
        if self._on_ready is not None and not self.should_exit:
            self._on_ready(self._info)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._reaper.reap(self.server_state.connections)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await run_in_threadpool(self._before_stop)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        ends = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in ends}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _data_lock(data_dir: Path) -> AbstractContextManager[object]:
    """Lock the folder for the block, because two servers on the same data would dispatch the same runs."""
    return locked(data_dir / LOCK, lambda: _in_use(data_dir))


def _in_use(data_dir: Path) -> str:
    running = server_info(data_dir)
    where = f" at {running.url} (process {running.pid})" if running else ""
    return f"{data_dir} is in use by a server{where}: use that one, stop it, or give another --data-dir"


def _database_lock(settings: Settings) -> AbstractContextManager[object]:
    """Lock a SQLite database outside the data folder, for the same reason. PostgreSQL has `DatabaseLock`."""
    path = settings.sqlite_file
    if path is None or path.parent == settings.data_dir or not path.parent.is_dir():
        return nullcontext()
    lock = Path(f"{path}.lock")
    refusal = f"--database-url: {path} is in use by another litsweep server: use that one"
    try:
        return locked(lock, lambda: refusal)
    except OSError as error:
        raise LitsweepError(f"--database-url: {lock} cannot be used ({error.strerror})") from None


def _url(host: str, port: int) -> str:
    """Return an address for clients on this machine, also if the server listens on all addresses."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}"
