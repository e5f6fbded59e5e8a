"""A request to the file stream, checked as a whole before any of it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.server.arguments import json_object
from litsweep.server.errors import RequestError
from litsweep.server.json_body import MOST_VALUES, BodyError, read_json, unpacked
from litsweep.server.store.lines import EVENTS, HISTORY, LOG
from litsweep.server.store.tables import storable
from litsweep.server.wire_json import dumps
from litsweep.sweep.values import show

Row = Mapping[str, Any]

_STREAMS = {"wandb-history.jsonl": HISTORY, "wandb-events.jsonl": EVENTS, "output.log": LOG}
_SUMMARY = "wandb-summary.json"
_STOCK_BODY = 12 << 20
"""Bytes of the largest body of the stock client.

If the server answers 413, the client repeats the same body and sends nothing else. So a body of this size is
never refused for the number of its values, which is estimated by commas: most of these may be in texts.
"""

LARGEST_STEP, LARGEST_LINE = 2**63 - 2, 2**31 - 1
"""The largest numbers that the columns of the database hold."""
SMALLEST_GAP, LARGEST_GAP, LINES_A_SECOND = 100_000, 100_000_000, 1000
"""Lines that may be missing before a chunk: as many as the run may have logged in its time, within limits.

After a restore of an older backup, a run continues behind lines that the backup lacks. Its client would send
nothing more after a refusal.
"""


class ChunkError(BodyError):
    """The request is not a chunk of a file stream: HTTP 400, or another `status`."""


@dataclass(frozen=True)
class StreamPart:
    """Lines of one stream, from number `offset` on. `rows` are the parsed lines, empty for the log."""

    offset: int
    lines: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Chunk:
    """The data that a run has logged since its last chunk: parts by stream, and the summary as JSON text.

    `exit_code` is None while the run continues.
    """

    parts: Mapping[str, StreamPart]
    summary: str | None
    is_preempting: bool
    exit_code: int | None


def read_chunk(body: bytes, encoding: str | None) -> Chunk:
    """Return the chunk in a request's body. Raise ChunkError if it is not one."""
    try:
        text = unpacked(body, encoding) or b"{}"
        sent = _object(read_json(text, MOST_VALUES if len(text) > _STOCK_BODY else _STOCK_BODY))
        files = _object(sent.get("files") or {})
        summary = _part(_SUMMARY, files.get(_SUMMARY) or {}).lines
        return Chunk(
            {_STREAMS[name]: _part(name, part) for name, part in files.items() if name in _STREAMS},
            summary[-1] if summary else None,
            bool(sent.get("preempting")),
            _exit_code(sent.get("exitcode") or 0) if sent.get("complete") else None,
        )
    except RequestError as error:
        raise ChunkError(f"not a file stream chunk: {error}", error.status) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise ChunkError(f"not a file stream chunk: {error}") from error


def _exit_code(sent: Any) -> int:
    """Return an exit code of 32 bits. Windows has larger ones, such as 0xC0000005."""
    return max(-LARGEST_LINE, min(int(sent), LARGEST_LINE))


def require_near(parts: Mapping[str, StreamPart], counts: Mapping[str, int], age: float) -> None:
    """Raise ChunkError for lines far beyond the stored ones, whose numbers by stream are `counts`.

    `age` is the number of seconds since the run's start.
    A stream's number of lines is where the next process of the run continues, so a wild offset ends the run.
    """
    gap = min(SMALLEST_GAP + LINES_A_SECOND * max(0.0, age), LARGEST_GAP)
    for stream, part in parts.items():
        if part.offset > counts[stream] + gap:
            name = next(name for name, known in _STREAMS.items() if known == stream)
            raise ChunkError(
                f"not a file stream chunk: {name}: line {part.offset} is far beyond the {counts[stream]} "
                f"stored lines; send the lines between them first"
            )


def _part(name: str, part: Any) -> StreamPart:
    offset, content = int(_object(part).get("offset") or 0), part.get("content") or []
    if not isinstance(content, list):
        raise ValueError(f"the content of {name} must be a list, got {show(content)}")
    if not 0 <= offset <= LARGEST_LINE - len(content):
        raise ValueError(f"{name} has no line {show(offset)}")
    if _STREAMS.get(name) == LOG:
        return StreamPart(offset, [storable(str(line)) for line in content], [])
    rows = [json_object(line, f"line {n} of {name}") for n, line in enumerate(content, start=offset)]
    return StreamPart(offset, [storable(dumps(row)) for row in rows], rows)


def _object(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {show(value)}")
    return value
