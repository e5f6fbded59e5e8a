"""What a launch has chosen by itself: lines in the sweep's log folder.

`litsweep status` shows those of the launches that work on this machine. The environment of their processes
names the file, and where their lines begin.
"""

import contextlib
import time
from pathlib import Path

from litsweep.launch import process
from litsweep.launch.failure import output_from
from litsweep.sweep.contract import Variable

NOTES = "notes.txt"
"""The file's name in the folder of a sweep's logs."""

_TIME = "%Y-%m-%d %H:%M:%S"


def add_note(file: Path, subject: str, what: str) -> None:
    """Append a sentence about a subject, with the time."""
    with contextlib.suppress(OSError), file.open("a") as notes:
        notes.write(f"{time.strftime(_TIME)} {subject}: {what}\n")


def place_of_notes(file: Path) -> dict[str, str]:
    """Return the variable with which the processes of a launch that begins now name its notes."""
    begin = file.stat().st_size if file.exists() else 0
    return {Variable.NOTES: f"{begin}:{file.absolute()}"}


def notes_of_living(sweep_id: str) -> list[str]:
    """Return the last line about each subject, of the launches of the sweep that work on this machine."""
    lines = []
    for place in sorted(process.values_of(Variable.NOTES, Variable.NOTES)):
        begin, _, file = place.partition(":")
        if Path(file).parent.name == sweep_id:
            lines += last_notes(Path(file), int(begin))
    return lines


def last_notes(file: Path, begin: int = 0) -> list[str]:
    """Return the last line about each subject from byte `begin` on; nothing if the file is missing."""
    last: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in output_from(file, begin).decode(errors="replace").splitlines():
            subject = line[len("2026-01-01 00:00:00 ") :].partition(": ")[0]
            last[subject] = line
    return list(last.values())
