"""JSON from clients, read within limits of size, depth and number of values."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

from litsweep.errors import count
from litsweep.server.arguments import MAX_DEPTH
from litsweep.server.errors import RequestError
from litsweep.sweep.values import check_depth

LARGEST_BODY = 64 << 20
"""Bytes of a body, sent or unpacked. The stock client sends about 10 MB at most, before escapes."""
MOST_VALUES = 2_000_000
_PIECE = 64 << 10
_GZIP = 31  # zlib's window size for gzip


class BodyError(RequestError):
    """The body cannot be read."""


def read_json(text: bytes | str, most_values: int = MOST_VALUES) -> Any:
    """Return the value of a JSON text. Raise BodyError if it is not JSON, or beyond the limits."""
    brackets = check_count(text, most_values)
    try:
        value = json.loads(text)
        if brackets > MAX_DEPTH:
            check_depth(value, MAX_DEPTH)
    except RecursionError:
        raise BodyError(f"not JSON: nested deeper than {count(MAX_DEPTH, 'level')}") from None
    except ValueError as error:  # UnicodeDecodeError too
        raise BodyError(f"not JSON: {error}") from None
    return value


def check_count(text: bytes | str, most_values: int = MOST_VALUES) -> int:
    """Raise BodyError for too many values. Return the number of opening brackets, at least the depth.

    Counts in the text, because a parsed value takes up to 30 times the memory of its text. Lists and objects
    take the most, so that there may be only `MOST_VALUES / 2` of them.
    """
    if isinstance(text, bytes):
        brackets, commas = text.count(b"[") + text.count(b"{"), text.count(b",")
    else:
        brackets, commas = text.count("[") + text.count("{"), text.count(",")
    if brackets + commas > most_values:
        raise BodyError(f"more than {count(most_values, 'JSON value')}; send them in smaller requests", 413)
    if brackets > MOST_VALUES // 2:
        raise BodyError(
            f"more than {MOST_VALUES // 2} JSON lists and objects; send them in smaller requests", 413
        )
    return brackets


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its Content-Encoding, which may be gzip.

    Raises BodyError for another encoding, damaged data, or more than LARGEST_BODY bytes. Memory stays within
    that limit: a gzip text may unpack to a thousand times its size.
    """
    match (encoding or "identity").strip().lower() if body else "identity":
        case "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzip(body)
        case _:
            raise BodyError(f"Content-Encoding: must be gzip or identity, got {encoding!r:.40}", 415)


def _gunzip(body: bytes) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in _gunzipped(body):
            size += len(piece)
            if size > LARGEST_BODY:
                raise too_large(LARGEST_BODY, "unpacks to")
            pieces.append(piece)
    except zlib.error as error:
        raise BodyError(f"Not a gzipped file: {error}") from None
    return b"".join(pieces)


def _gunzipped(body: bytes) -> Iterator[bytes]:
    """Yield the content in pieces of limited size. A gzip file may have several members."""
    member = zlib.decompressobj(_GZIP)
    for start in range(0, len(body), _PIECE):
        packed = body[start : start + _PIECE]
        while packed:
            if member.eof:
                member = zlib.decompressobj(_GZIP)
            yield member.decompress(packed, 16 * _PIECE)
            packed = member.unconsumed_tail or member.unused_data.lstrip(b"\0")
    while not member.eof:
        rest = member.decompress(b"", 16 * _PIECE)
        if not rest:
            raise zlib.error("it ends too early")
        yield rest


def too_large(limit: int, does: str = "has") -> BodyError:
    """Return the error for a body of more than `limit` bytes."""
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
    return BodyError(f"the body {does} more than {size}; send it in smaller requests", 413)
