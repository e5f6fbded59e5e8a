"""JSON from clients, read within limits of size, depth and number of values."""

import json
import zlib
from typing import Any

from litsweep.errors import LitsweepError, count

LARGEST_BODY = 64 << 20
"""Bytes of a body, sent or unpacked. The stock client sends about 10 MB at most, before escapes."""
MOST_VALUES = 2_000_000
DEEPEST = 100
_PIECE = 1 << 20
_GZIP = 31  # zlib's window size for gzip


class BodyError(LitsweepError):
    """The body cannot be read: HTTP 400, or another `status`."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def read_json(text: bytes | str) -> Any:
    """Return the value of a JSON text. Raise BodyError if it is not JSON, or beyond the limits."""
    brackets = check_count(text)
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # UnicodeDecodeError too
        raise BodyError(f"not JSON: {error}") from None
    if brackets > DEEPEST and isinstance(value, dict | list) and _is_deeper(value, DEEPEST):
        raise _too_deep()
    return value


def check_count(text: bytes | str) -> int:
    """Raise BodyError for too many values. Return the number of opening brackets, at least the depth.

    Counts in the text, because a parsed value takes up to 30 times the memory of its text.
    """
    if isinstance(text, bytes):
        brackets, commas = text.count(b"[") + text.count(b"{"), text.count(b",")
    else:
        brackets, commas = text.count("[") + text.count("{"), text.count(",")
    if brackets + commas > MOST_VALUES:
        raise BodyError(f"more than {count(MOST_VALUES, 'JSON value')}; send them in smaller requests", 413)
    return brackets


def _too_deep() -> BodyError:
    return BodyError(f"not JSON: nested deeper than {count(DEEPEST, 'level')}")


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    return bool(level)


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its Content-Encoding, which may be gzip.

    Raises BodyError for another encoding, damaged data, or more than LARGEST_BODY bytes. Memory stays within
    that limit: a gzip text may unpack to a thousand times its size.
    """
    match (encoding or "identity").strip().lower():
        case "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body)
        case _:
            raise BodyError(f"Content-Encoding: must be gzip or identity, got {encoding!r:.40}", 415)


def _gunzip(body: bytes) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while body:  # a gzip text may have several members
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            try:
                piece = member.decompress(body, _PIECE)
            except zlib.error as error:
                raise BodyError(f"Not a gzipped file: {error}") from None
            if not (piece or member.eof or member.unconsumed_tail):
                raise BodyError("Not a gzipped file: it ends too early")
            size += len(piece)
            if size > LARGEST_BODY:
                raise too_large(LARGEST_BODY, "unpacks to")
            pieces.append(piece)
            body = member.unconsumed_tail
        body = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def too_large(limit: int, does: str = "has") -> BodyError:
    """Return the error for a body of more than `limit` bytes."""
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return BodyError(f"the body {does} more than {size}; send it in smaller requests", 413)
