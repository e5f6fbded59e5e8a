"""The W&B server for a command: the one in the environment, or the embedded one of a data folder."""

import argparse
import os
import re
import sqlite3
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import requests

from litsweep.cli.local_server import running_server
from litsweep.errors import LitsweepError
from litsweep.launch.credentials import credentials
from litsweep.launch.directory import full_path
from litsweep.launch.variables import Http, check_key, check_values
from litsweep.server.data_dir import DATABASE, database_kind

ANSWER_TIMEOUT_SECONDS = 10.0


def is_embedded(http: Http, url: str) -> bool:
    """Return True if an embedded backend answers at `url`, not another W&B server."""
    answer = http.get(f"{url}/healthz", timeout=ANSWER_TIMEOUT_SECONDS)
    return "json" in answer.headers.get("content-type", "") and answer.json() == {"ok": True}


def find_sweep(args: argparse.Namespace, may_start: bool = True) -> str:
    """Connect the stock client as `use_server` does. Return the full path of the command's sweep there.

    Without `may_start` the command needs a server that outlives it.
    """
    use_server(args.data_dir.expanduser(), args.until_end if may_start else None, args.sweep)
    return full_path(args.sweep)


def use_server(data_dir: Path, until_end: ExitStack | None = None, sweep: str | None = None) -> bool:
    """Connect the stock client of this process to the server for a command. Return True if that stays.

    An address in the environment comes first, then the embedded backend that runs on `data_dir`, then W&B
    cloud after a login. With `until_end`, a backend is started until that closes: for a `sweep` of the
    folder, and without a login for any folder with data. Raises LitsweepError if there is no server. A
    command that uses the client then also checks the client's own settings (`client_settings`), for which the
    client is imported.
    """
    check_values(os.environ)
    if named := os.environ.get("WANDB_BASE_URL"):
        _check_answers(named, data_dir)
    elif server := running_server(data_dir):
        server.use()
    elif until_end is not None and _needs_own_server(data_dir, sweep):
        _start(data_dir, until_end)
        return False
    else:
        _require_login(data_dir)
    check_key(os.environ)
    return True


def _needs_own_server(data_dir: Path, sweep: str | None) -> bool:
    """Return True if the folder has the sweep, or if it has data and there is no W&B login."""
    if sweep is not None and _has_sweep(data_dir, sweep):
        return True
    return not _has_login() and database_kind(data_dir) is not None


def _has_login() -> bool:
    try:
        credentials()
    except LitsweepError:
        return False
    return True


def _require_login(data_dir: Path) -> None:
    if not _has_login():
        raise LitsweepError(
            f"found no server: none runs on {data_dir} (start one with `litsweep serve`), "
            "WANDB_BASE_URL is not set, and there is no W&B login (`wandb login`)"
        )


def _has_sweep(data_dir: Path, sweep: str) -> bool:
    """Return True if the folder's SQLite database has a sweep with this id."""
    path = data_dir / DATABASE
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            id = sweep.rpartition("/")[2]
            return database.execute("SELECT 1 FROM sweeps WHERE name = ?", (id,)).fetchone() is not None
    except sqlite3.Error:  # the server says what is wrong with it
        return False


def _start(data_dir: Path, until_end: ExitStack) -> None:
    """Start a server on the folder, and use it. It ends with the last command that uses it."""
    from litsweep.cli.server_keeper import kept_alive
    from litsweep.cli.shared_server import shared_server, signals_end_in_order

    fix = "`litsweep serve` starts one that stays"
    print(f"No server runs on {data_dir}: starting one for this command ({fix})", file=sys.stderr, flush=True)
    if threading.current_thread() is threading.main_thread():
        until_end.enter_context(signals_end_in_order())
    server = until_end.enter_context(shared_server(data_dir, None))
    until_end.enter_context(kept_alive(server, data_dir))
    server.use()


def _check_answers(url: str, data_dir: Path) -> None:
    """Raise LitsweepError unless the server answers once. The stock client would try for minutes."""
    if not url.startswith(("http://", "https://")):
        raise LitsweepError(f"WANDB_BASE_URL: must begin with http:// or https://, got {url!r}")
    try:
        Http(os.environ).head(url, timeout=ANSWER_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        running = running_server(data_dir)
        fix = f"start that server ({_start_command(url)}), correct the address, or unset the variable"
        if running is not None:
            fix = f'the server on {data_dir} is at {running.url}; run `eval "$(litsweep env)"` again'
        raise LitsweepError(f"WANDB_BASE_URL={url} does not answer ({_cause(error)}): {fix}") from None


def _start_command(url: str) -> str:
    """Return the command that starts a server at the port of `url`."""
    port = re.search(r":(\d+)/*$", url)
    return f"`litsweep serve --port {port[1]}`" if port else "`litsweep serve`"


def _cause(error: BaseException) -> str:
    """Return the innermost reason, such as `Connection refused`, without the exceptions around it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(reason or error)
    return text.rpartition("] ")[2].rstrip(">)'") or type(error).__name__
