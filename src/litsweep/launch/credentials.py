"""The server's address and API key for agents and runs, as the stock client finds them."""

import netrc
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from litsweep.errors import LitsweepError
from litsweep.launch.variables import check_folder, check_values, client_settings

CREDENTIALS = ("WANDB_BASE_URL", "WANDB_API_KEY")


def client_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return `environ` with the address and the API key of the server for agents and runs.

    Raises LitsweepError if there is no key, or if a variable keeps runs from starting (`require_online`).
    """
    require_online(environ)
    return {**environ, **credentials(environ)}


def require_online(environ: Mapping[str, str] = os.environ) -> None:
    """Raise LitsweepError if W&B's variables keep runs from starting or from reaching the server.

    A run that does not reach the server would count as failed.
    """
    mode = environ.get("WANDB_MODE", "")
    if mode not in ("", "online", "run", "shared"):
        raise LitsweepError(f"WANDB_MODE: must be online for the runs of a sweep, got {mode}; unset it")
    check_values(environ)
    check_folder(environ)


def credentials(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return WANDB_BASE_URL and WANDB_API_KEY from the environment, the client's settings, or netrc.

    Starts a thread of the client unless both are in `environ`. Raises LitsweepError if there is no key.
    """
    if all(environ.get(name) for name in CREDENTIALS):
        return {name: environ[name] for name in CREDENTIALS}
    settings = client_settings()
    base_url = environ.get("WANDB_BASE_URL") or settings.base_url
    key = environ.get("WANDB_API_KEY") or settings.api_key or _key_in_netrc(base_url)
    if not key:
        raise LitsweepError(f"no API key for {base_url}: set WANDB_API_KEY, or run `wandb login`")
    return {"WANDB_BASE_URL": base_url, "WANDB_API_KEY": key}


def _key_in_netrc(base_url: str) -> str | None:
    try:
        found = netrc.netrc().authenticators(urlsplit(base_url).netloc)
    except (OSError, UnicodeDecodeError, netrc.NetrcParseError):
        return None
    return found[2] if found else None
