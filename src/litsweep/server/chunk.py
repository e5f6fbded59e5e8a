"""A request to the file stream, checked as a whole before any of it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.server.json_body import BodyError, read_json, unpacked
from litsweep.server.store.lines import EVENTS, HISTORY, LOG
from litsweep.server.wire_json import dumps

Row = Mapping[str, Any]

_STREAMS = {"wandb-history.jsonl": HISTORY, "wandb-events.jsonl": EVENTS, "output.log": LOG}
_SUMMARY = "wandb-summary.json"

LARGEST_STEP, LARGEST_LINE = 2**63 - 1, 2**31 - 1
"""The largest numbers that the columns of the database hold."""
LARGEST_GAP = 100_000
"""Lines that may be missing before a chunk, as after an older backup was restored."""


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
    """What a run has logged since its last chunk: parts by stream, and the summary as JSON text.

    `exit_code` is None while the run continues.
    """

    parts: Mapping[str, StreamPart]
    summary: str | None
    is_preempting: bool
    exit_code: int | None


def read_chunk(body: bytes, encoding: str | None) -> Chunk:
    """Return the chunk in a request's body. Raise ChunkError if it is not one."""
    try:
        sent = _object(read_json(unpacked(body, encoding) or b"{}"))
        files = _object(sent.get("files") or {})
        summary = _part(_SUMMARY, files.get(_SUMMARY) or {}).lines
        return Chunk(
            {_STREAMS[name]: _part(name, part) for name, part in files.items() if name in _STREAMS},
            summary[-1] if summary else None,
            bool(sent.get("preempting")),
            int(sent.get("exitcode") or 0) if sent.get("complete") else None,
        )
    except BodyError as error:
        raise ChunkError(f"not a file stream chunk: {error}", error.status) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise ChunkError(f"not a file stream chunk: {error}") from error


def require_near(parts: Mapping[str, StreamPart], counts: Mapping[str, int]) -> None:
    """Raise ChunkError for lines far beyond the stored ones, whose numbers by stream are `counts`.

    A stream's number of lines is where the next process of the run continues, so a wild offset ends the run.
    """
    for stream, part in parts.items():
        if part.offset > counts[stream] + LARGEST_GAP:
            name = next(name for name, known in _STREAMS.items() if known == stream)
            raise ChunkError(
                f"not a file stream chunk: {name}: line {part.offset} is far beyond the {counts[stream]} "
                f"stored lines; send the lines between them first"
            )


def _part(name: str, part: Any) -> StreamPart:
    offset, content = int(_object(part).get("offset") or 0), part.get("content") or []
    if not 0 <= offset <= LARGEST_LINE:
        raise ValueError(f"{name} has no line {offset}")
    if _STREAMS.get(name) == LOG:
        return StreamPart(offset, [_storable(str(line)) for line in content], [])
    rows = [_row(name, n, line) for n, line in enumerate(content, start=offset)]
    return StreamPart(offset, [_storable(dumps(row)) for row in rows], rows)


def _row(name: str, n: int, line: Any) -> Row:
    try:
        if not isinstance(line, str):
            raise ValueError(f"expected text, got {line!r:.80}")
        return _object(read_json(line))
    except (ValueError, BodyError) as error:
        raise BodyError(f"line {n} of {name}: {error}", getattr(error, "status", 400)) from error


def _object(value: Any) -> Row:
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {value!r:.80}")
    return value


def _storable(text: str) -> str:
    """Replace what a database cannot store: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
