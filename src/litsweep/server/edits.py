"""The texts of sweeps and runs that a person edits on a page: names, notes, tags and groups."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.server import changes
from litsweep.server.backend import Backend
from litsweep.server.errors import RequestError
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.values import show

LONGEST_TAG = 64
"""Characters, as on W&B."""


@dataclass(frozen=True)
class Field:
    """A text that can be edited: its name in a request, its label, its column, and its largest length."""

    name: str
    label: str
    column: str
    most: int
    is_long: bool = False
    may_be_empty: bool = True
    of_several: bool = False
    hint: str = ""

    def text(self, record: RunRecord | SweepRecord) -> str:
        """Return the stored value as text. Tags are separated by commas."""
        stored = getattr(record, self.column)
        if self.column != "tags":
            return stored or ""
        return "" if self.name == "add_tags" else ", ".join(map(str, json.loads(stored)))

    def stored(self, text: object, record: RunRecord | SweepRecord) -> str | None:
        """Return the value to store for a text. Raise RequestError for a text that is not allowed."""
        if not isinstance(text, str):
            raise RequestError(f"{self.label}: must be text, got {show(text)}")
        text = text.strip()
        if len(text) > self.most:
            raise RequestError(f"{self.label}: at most {self.most} characters, got {len(text)}")
        if not self.may_be_empty and not text:
            raise RequestError(f"{self.label}: must not be empty")
        if not self.is_long and not text.isprintable():
            raise RequestError(f"{self.label}: must be one line without control characters, got {show(text)}")
        if self.column != "tags":
            return text or None
        known = json.loads(record.tags) if self.name == "add_tags" and isinstance(record, RunRecord) else []
        return dumps(list(dict.fromkeys([*known, *_tags(text)])))


def _tags(text: str) -> list[str]:
    tags = [tag for part in text.split(",") if (tag := part.strip())]
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise RequestError(f"Tags: each has at most {LONGEST_TAG} characters, got {show(tag)}")
    return tags


_BY_COMMA = "separated by commas"
RUN_FIELDS = (
    Field("name", "Name", "display_name", 250, may_be_empty=False),
    Field("notes", "Notes", "notes", 16_000, is_long=True),
    Field("tags", "Tags", "tags", 2_000, hint=_BY_COMMA),
    Field("group", "Group", "group_name", 250, of_several=True),
    Field("add_tags", "Tags to add", "tags", 2_000, of_several=True, hint=_BY_COMMA),
)
SWEEP_FIELDS = (
    Field("name", "Name", "display_name", 250),
    Field("description", "Description", "description", 16_000, is_long=True),
)


@dataclass(frozen=True)
class Edit:
    """The new texts by field name, and the texts that the page showed before. `before` may lack fields."""

    values: Mapping[str, object]
    before: Mapping[str, object]

    def columns(self, record: RunRecord | SweepRecord, fields: Sequence[Field]) -> dict[str, Any]:
        """Return the columns to write.

        Raises:
            RequestError: a field is unknown, or its text is not allowed.
            LitsweepError: another person has changed a text since the page showed it.
        """
        known = {field.name: field for field in fields}
        found = {}
        for name, text in self.values.items():
            if name not in known:
                raise RequestError(f"values: {show(name)} is not one of {', '.join(known)}")
            field = known[name]
            now = field.text(record)
            if self.before.get(name, now) != now:
                fix = "save again to replace it"
                raise LitsweepError(f"{field.label}: was changed meanwhile to {show(now)}; {fix}")
            found[field.column] = field.stored(text, record)
        return found


def edit_sweep(backend: Backend, sweep_id: int, edit: Edit, actor: str) -> None:
    """Write texts of a sweep."""
    with backend.database.write() as connection:
        sweep = sweeps.get(connection, sweep_id)
        if sweep is None:
            raise LitsweepError("the sweep was deleted")
        changes.edit_sweep(connection, sweep, edit.columns(sweep, SWEEP_FIELDS), actor)


def edit_runs(backend: Backend, run_ids: Sequence[int], edit: Edit, actor: str) -> list[str]:
    """Write texts of runs, all or none. Return the names of the runs."""
    fields = [field for field in RUN_FIELDS if len(run_ids) == 1 or field.of_several]
    with backend.database.write() as connection:
        found = runs.with_ids(connection, run_ids)
        for run in found:
            changes.edit_run(connection, run, edit.columns(run, fields), actor)
    return [run.name for run in found]
