"""Console lines as a page shows them: colours as styles, and what a terminal shows of a progress bar."""

import json
import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich is imported when a run's output has colours
    from rich.ansi import AnsiDecoder
    from rich.style import Style
    from rich.text import Text

ConsoleLine = str | list[dict[str, str]]
"""A plain text, or parts with `text` and, if they have one, `class`, `color` and `background`."""

LONGEST_LINE = 20_000
_STAMP = re.compile(r"(?:ERROR )?\d{4}-\d\d-\d\dT\S+ ")
_OTHER_CODES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]{200,}[A-Za-z]")
_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")
_ERASE = re.compile(r"\x1b\[[012]?K")
_HAS_CODES = re.compile(r"[\x00-\x08\x0b-\x1f]")
_FLAGS = ("bold", "dim", "italic", "underline", "strike", "reverse")


def body(stored: str) -> str:
    """Return the text of a stored line without the client's time stamp. Codes are still in it."""
    if stored.startswith("{"):
        try:
            line = json.loads(stored)
        except (ValueError, RecursionError):
            line = None
        content = line.get("content") if isinstance(line, dict) else None
        return content if isinstance(content, str) else stored
    return _STAMP.sub("", stored, count=1) if _STAMP.match(stored) else stored


def plain(stored: str) -> str:
    """Return the text that a page shows of a stored line."""
    shown = body(stored)[:LONGEST_LINE]
    return _joined(shown_line(shown, _decoder())) if _HAS_CODES.search(shown) else shown


def _joined(line: ConsoleLine) -> str:
    return line if isinstance(line, str) else "".join(part["text"] for part in line)


def shown_lines(stored: Iterable[str]) -> list[ConsoleLine]:
    """Return stored lines as a page shows them. A colour lasts until a code ends it, as in a terminal."""
    decoder = _decoder()
    return [shown_line(body(line)[:LONGEST_LINE], decoder) for line in stored]


def _decoder() -> "AnsiDecoder":
    from rich.ansi import AnsiDecoder

    return AnsiDecoder()


def shown_line(text: str, decoder: "AnsiDecoder") -> ConsoleLine:
    """Return a line as a terminal shows it. After a carriage return, text replaces what was there."""
    if not _HAS_CODES.search(text) and not decoder.style:
        return text
    shown = None
    for part in _OTHER_CODES.sub("", text).split("\r"):
        decoded = _decoded(part, decoder)
        is_erased = shown is None or _ERASE.search(part)
        shown = decoded if is_erased or shown is None else decoded + shown[len(decoded) :]
    return _parts(shown) if shown is not None else ""


def _decoded(text: str, decoder: "AnsiDecoder") -> "Text":
    try:
        return decoder.decode_line(text)
    except (ValueError, OverflowError):  # a code that no terminal knows
        return decoder.decode_line(_CODES.sub("", text))


def _parts(shown: "Text") -> ConsoleLine:
    if not shown.spans:
        return shown.plain
    ends = sorted({0, len(shown), *(end for span in shown.spans for end in (span.start, span.end))})
    parts = []
    for start, end in pairwise(ends):
        styles = [span.style for span in shown.spans if span.start <= start and span.end >= end]
        look = _look(styles[-1]) if styles and not isinstance(styles[-1], str) else {}
        parts.append({"text": shown.plain[start:end], **look})
    return parts


@cache
def _look(style: "Style") -> dict[str, str]:
    """Return the CSS class and colours of a style. The 16 basic colours are classes of the theme."""
    classes = [flag for flag in _FLAGS if getattr(style, flag)]
    look: dict[str, Any] = {}
    for name, colour, prefix in (("color", style.color, "ansi"), ("background", style.bgcolor, "on-ansi")):
        if colour is None or colour.is_default:
            continue
        if colour.number is not None and colour.number < 16:
            classes.append(f"{prefix}-{colour.number}")
        else:
            look[name] = colour.get_truecolor().hex
    return {**({"class": " ".join(classes)} if classes else {}), **look}
