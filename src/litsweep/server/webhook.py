"""Posts JSON to a webhook, within a time limit."""

import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from litsweep.errors import reason_of

TIMEOUT_SECONDS = 15.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as an error: it would turn the POST into a GET."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, body: str, key: str) -> str | None:
    """Post `body`. Return why that failed, or None. The reason names only the host of the address.

    `key` is the same for each attempt, so that the receiver can drop a repeated notice. The attempt ends
    after TIMEOUT_SECONDS, however slowly the receiver answers.
    """
    outcome: list[str | None] = []
    attempt = threading.Thread(
        target=lambda: outcome.append(_post(url, body, key)), name="webhook", daemon=True
    )
    attempt.start()
    attempt.join(TIMEOUT_SECONDS)
    reason = outcome[0] if outcome else _too_late()
    return reason and f"{urlsplit(url).hostname} did not accept it ({reason})"


def _post(url: str, body: str, key: str) -> str | None:
    headers = {"Content-Type": "application/json", "User-Agent": "litsweep", "Idempotency-Key": key}
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    try:
        urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        with error:
            return f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return _too_late()
        return reason_of(reason)
    except Exception as error:  # the receiver's answer is not HTTP
        return type(error).__name__
    return None


def _too_late() -> str:
    return f"no answer within {TIMEOUT_SECONDS:g} s"
