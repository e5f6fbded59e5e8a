"""The W&B server for a command: the one in the environment, or the embedded one of a data folder."""

import os
import re
from pathlib import Path

import requests

from litsweep.cli.local_server import running_server
from litsweep.errors import LitsweepError
from litsweep.launch.credentials import credentials
from litsweep.launch.directory import full_path
from litsweep.launch.variables import Http, check_key, check_values

ANSWER_TIMEOUT_SECONDS = 10.0


def is_embedded(http: Http, url: str) -> bool:
    """Return True if an embedded backend answers at `url`, not another W&B server."""
    answer = http.session.get(f"{url}/healthz", timeout=ANSWER_TIMEOUT_SECONDS, verify=http.verify)
    return "json" in answer.headers.get("content-type", "") and answer.json() == {"ok": True}


def find_sweep(sweep: str, data_dir: Path) -> str:
    """Connect the stock client as `use_server` does. Return the full path of a sweep there."""
    use_server(data_dir)
    return full_path(sweep)


def use_server(data_dir: Path) -> None:
    """Connect the stock client of this process to the server for a command.

    An address in the environment comes first, then the embedded backend of `data_dir`, then W&B cloud after a
    login. Raises LitsweepError if there is none. A command that uses the client then also checks the client's
    own settings (`client_settings`), for which the client is imported.
    """
    check_values(os.environ)
    if named := os.environ.get("WANDB_BASE_URL"):
        _check_answers(named, data_dir)
    elif server := running_server(data_dir):
        server.use()
    else:
        try:
            credentials()
        except LitsweepError:
            raise LitsweepError(
                f"found no server: none runs on {data_dir} (start one with `litsweep serve`), "
                "WANDB_BASE_URL is not set, and there is no W&B login (`wandb login`)"
            ) from None
    check_key(os.environ)


def _check_answers(url: str, data_dir: Path) -> None:
    """Raise LitsweepError unless the server answers once. The stock client would try for minutes."""
    if not url.startswith(("http://", "https://")):
        raise LitsweepError(f"WANDB_BASE_URL: must begin with http:// or https://, got {url!r}")
    try:
        Http(os.environ).head(url, ANSWER_TIMEOUT_SECONDS)
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
