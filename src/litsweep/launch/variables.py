"""W&B's own environment variables, with their meaning for `wandb agent` and the client."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import urllib3

from litsweep.errors import LitsweepError

if TYPE_CHECKING:
    import wandb

KILL_DELAY_SECONDS = 30
SHORTEST_KEY = 40
HTTP_TIMEOUT_SECONDS = 60
FAILURES_IN_A_ROW = 3
INITIAL_FAILURES = 5  # the stock agent's limit without its other rule (three in the first minute)
_TRUE = ("y", "yes", "t", "true", "on", "1")


def check_values(environ: Mapping[str, str]) -> None:
    """Raise LitsweepError if a variable has a value that every agent would refuse."""
    for name in ("WANDB_AGENT_REPORT_INTERVAL", "WANDB_AGENT_KILL_DELAY", "WANDB_HTTP_TIMEOUT"):
        _seconds(environ, name, 0)
    _headers(environ)


def check_key(environ: Mapping[str, str]) -> None:
    """Raise LitsweepError if the client would refuse WANDB_API_KEY without asking the server."""
    key = environ.get("WANDB_API_KEY", "")
    if key and environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        raise LitsweepError("WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE: the client refuses both; unset one")
    if key and len(key) < SHORTEST_KEY:
        fix = "`litsweep env` or W&B's settings page shows the whole key"
        raise LitsweepError(
            f"WANDB_API_KEY: a key has {SHORTEST_KEY} characters or more, this one has {len(key)}; {fix}"
        )


def client_settings() -> "wandb.Settings":
    """Return the client's settings from its files and variables. Starts a thread of the client.

    Raises LitsweepError if the client refuses a value.
    """
    import wandb
    from pydantic import ValidationError  # the client's settings are a pydantic model

    try:
        return wandb.setup().settings
    except ValidationError as error:
        first = error.errors()[0]
        name = f"WANDB_{str(first['loc'][0]).upper()}"
        raise LitsweepError(
            f"{name}: {first['msg']}, got {first['input']!r}; correct it, or unset it"
        ) from None
    except (wandb.Error, ValueError) as error:
        raise LitsweepError(f"W&B's settings: {error}; correct the variable (WANDB_…), or unset it") from None


def check_folder(environ: Mapping[str, str]) -> None:
    """Raise LitsweepError if the files of runs cannot be written below WANDB_DIR."""
    folder = Path(environ.get("WANDB_DIR") or ".").absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise LitsweepError(f"WANDB_DIR: must be a folder that you can write to, got {folder}")


def kill_delay(environ: Mapping[str, str]) -> int:
    """Return the seconds between asking a run to end and killing it (WANDB_AGENT_KILL_DELAY)."""
    return _seconds(environ, "WANDB_AGENT_KILL_DELAY", KILL_DELAY_SECONDS)


def failures_allowed(environ: Mapping[str, str] = os.environ) -> int:
    """Return the default number of failed runs in a row after which an agent gives up.

    WANDB_AGENT_MAX_INITIAL_FAILURES is that number. With WANDB_AGENT_DISABLE_FLAPPING=true it is five, the
    stock agent's other rule.
    """
    text = environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    return INITIAL_FAILURES if environ.get("WANDB_AGENT_DISABLE_FLAPPING") == "true" else FAILURES_IN_A_ROW


class Http(requests.Session):
    """A session with the client's proxy, headers, timeout and certificates."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.timeout = _seconds(environ, "WANDB_HTTP_TIMEOUT", HTTP_TIMEOUT_SECONDS)
        self.verify = environ.get("WANDB_INSECURE_DISABLE_SSL", "").lower() not in _TRUE
        self.headers.update(_headers(environ))
        for scheme in ("http", "https"):
            if proxy := environ.get(f"WANDB_{scheme.upper()}_PROXY"):
                self.proxies[scheme] = proxy
        if not self.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def request(self, *args: Any, **settings: Any) -> requests.Response:
        """Make a request. REQUESTS_CA_BUNDLE would replace a `verify` that is not passed here."""
        return super().request(*args, **{"timeout": self.timeout, "verify": self.verify, **settings})


def _seconds(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit():
        raise LitsweepError(f"{name}: must be a whole number of seconds, got {text!r}; write for example 30")
    return int(text)


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    for name in ("WANDB_X_EXTRA_HTTP_HEADERS", "WANDB__EXTRA_HTTP_HEADERS"):
        if text := environ.get(name):
            try:
                return {str(key): str(value) for key, value in json.loads(text).items()}
            except (ValueError, AttributeError):
                fix = 'write for example {"X-Team": "vision"}'
                raise LitsweepError(f"{name}: must be a JSON object, got {text!r}; {fix}") from None
    return {}
