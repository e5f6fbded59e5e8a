"""What a launch has chosen by itself: lines in the sweep's log folder, which `litsweep status` shows."""

import contextlib
import time
from pathlib import Path

NOTES = "notes.txt"
"""The file's name in the folder of a sweep's logs."""

_TIME = "%Y-%m-%d %H:%M:%S"


def add_note(file: Path, subject: str, what: str) -> None:
    """Append a sentence about a subject, with the time."""
    with contextlib.suppress(OSError), file.open("a") as notes:
        notes.write(f"{time.strftime(_TIME)} {subject}: {what}\n")


def last_notes(file: Path) -> list[str]:
    """Return the last line about each subject; nothing if the file is missing."""
    last: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            subject = line[len("2026-01-01 00:00:00 ") :].partition(": ")[0]
            last[subject] = line
    return list(last.values())
