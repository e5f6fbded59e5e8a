"""A run as the charts see it, made from its row in the database. What few charts need is parsed on demand."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import Connection, Row, select

from litsweep.figures.run_results import is_own
from litsweep.figures.sweep_data import Curve, RunData
from litsweep.server.dashboard.progress import RunTimes, run_times
from litsweep.server.run_results import constrained, results
from litsweep.server.store.repeats import IS_EXTRA
from litsweep.server.store.runs import plain_config, runs
from litsweep.server.store.sweeps import agents
from litsweep.sweep.completion import completed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.logged import flat, number
from litsweep.sweep.reason import words
from litsweep.sweep.reasons import reason_text

_PLAIN = ("id", "name", "display_name", "state", "stopped_by", "failure", "created_at", "started_at", "host")
_LARGE = ("config", "summary", "history_keys", "parameters", "reason", "stop_reason")
COLUMNS = select(
    *(runs.c[name] for name in (*_PLAIN, *_LARGE)),
    *(runs.c[name] for name in ("sweep_id", "ended_at", "heartbeat_at", "history_lines", "dispatches")),
    IS_EXTRA.label("is_retry"),
    agents.c.name.label("agent"),
).outerjoin(agents, runs.c.agent_id == agents.c.id)
"""The columns of a stored run."""

_LONGEST_SHARED = 64


class Layouts:
    """The keys of flat mappings. Runs of a sweep have the same ones, so each set is kept once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], dict[str, int]] = {}

    def mapping(self, items: Iterable[tuple[str, object]]) -> "FlatMapping":
        """Return a mapping with these items."""
        found = dict(items)
        names = tuple(found)
        places = self._known.get(names)
        if places is None:
            places = self._known[names] = {name: place for place, name in enumerate(names)}
        return FlatMapping(places, tuple(map(_shared, found.values())))


def _shared(value: object) -> object:
    """Return the value. Equal short texts are kept once."""
    return sys.intern(value) if type(value) is str and len(value) <= _LONGEST_SHARED else value


class FlatMapping(Mapping[str, object]):
    """A mapping of a few hundred bytes, which shares its keys with others."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: Mapping[str, int], values: tuple[object, ...]) -> None:
        self._places = places
        self._values = values

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how another process makes a copy."""
        return FlatMapping, (self._places, self._values)

    def __getitem__(self, key: str) -> object:
        return self._values[self._places[key]]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value. This is several times as fast as the method of Mapping."""
        place = self._places.get(key)
        return default if place is None else self._values[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._values)


def _on_demand(parse: Callable[["StoredRun", str | None], object]) -> Any:
    """Return a field that `parse` makes from the text of the column with its name, once it is needed."""
    return _OnDemand(parse)


class _OnDemand:
    """The text is dropped after the value is in place, so that any thread finds one of them."""

    def __init__(self, parse: Callable[["StoredRun", str | None], object]) -> None:
        self._parse = parse

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, run: "StoredRun | None", owner: type) -> object:
        if run is None:
            return self
        text = run.texts.get(self._name, self)
        if isinstance(text, _OnDemand):  # another thread was faster
            return vars(run)[self._name]
        value = vars(run)[self._name] = self._parse(run, text)
        run.texts.pop(self._name, None)
        return value


def _leaves(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return the values by dotted name, as `flat` does, but faster for a mapping without nested ones."""
    return flat(values) if dict in map(type, values.values()) else values.items()


def _flat_config(run: "StoredRun", text: str | None) -> object:
    leaves = _leaves(plain_config(json.loads(text or "{}")))
    return run.source.layouts.mapping(leaf for leaf in leaves if is_own(leaf[0]))


def _summary_numbers(run: "StoredRun", text: str | None) -> object:
    found = ((name, number(value)) for name, value in _leaves(json.loads(text or "{}")) if is_own(name))
    return run.source.layouts.mapping(leaf for leaf in found if leaf[1] is not None)


def _parameters(run: "StoredRun", text: str | None) -> object:
    """Return the parameters as the search reads them, also those of an earlier version of the config."""
    suggested = json.loads(text or "{}")
    return run.source.layouts.mapping(completed(run.source.config, suggested, lambda: run.config).items())


def _reason_text(run: "StoredRun", text: str | None) -> object:
    return reason_text(text)


class StoredRun(RunData):
    """A run of a sweep in the database. `texts` has the columns that were not needed yet.

    Runs are equal if their `digest` is, which depends on everything that a chart can show of them.
    """

    id: int
    digest: int
    history_lines: int
    times: RunTimes
    texts: dict[str, str | None]
    source: "Source"
    parameters: Mapping[str, object] = _on_demand(_parameters)
    config: Mapping[str, object] = _on_demand(_flat_config)
    summary: Mapping[str, object] = _on_demand(_summary_numbers)
    reason: str = _on_demand(_reason_text)
    stop_reason: str = _on_demand(_reason_text)

    @classmethod
    def of(cls, connection: Connection, row: Row[Any], source: "Source") -> "StoredRun":
        """Return the run in a row of `COLUMNS`."""
        run, times = object.__new__(cls), run_times(row)
        bests, last = results(connection, row, source.config.metrics)
        values = vars(run)
        values.update(
            id=row.id,
            name=row.name,
            title=row.display_name,
            state=times.word,
            is_alive=times.state.is_alive,
            is_broken=times.state.is_broken_by(row.failure),
            bests=bests,
            last=last,
            constrained=constrained(row, source.config, bests),
            created=times.created_at,
            started=row.started_at,
            ended=None if times.state.is_alive else row.ended_at or times.heartbeat_at,
            agent=row.agent,
            host=row.host,
            failure=words(row.failure) if row.failure else None,
            history_lines=row.history_lines,
            times=times,
            texts=dict(zip(_ON_DEMAND, texts := _texts(row), strict=True)),
            source=source,
        )
        if row.parameters is None:
            found = source.config.flatten(plain_config(json.loads(row.config)))
            values["parameters"] = source.layouts.mapping(found.items())
        values["digest"] = hash((_compared(values), texts))
        return run

    @cached_property
    def curves(self) -> Sequence[Curve]:
        """The curves are read from the database when a chart draws them."""
        return self.source.read_curves(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how another process makes a plain copy."""
        return _plain, ({field.name: getattr(self, field.name) for field in fields(RunData)},)

    def __eq__(self, other: object) -> bool:
        """Return True if a chart cannot show a difference."""
        return isinstance(other, StoredRun) and self.digest == other.digest

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Source:
    """What the runs of one sweep share. `read_curves` returns the curves of a run."""

    config: SweepConfig
    read_curves: Callable[[StoredRun], Sequence[Curve]]
    layouts: Layouts = field(default_factory=Layouts)


_ON_DEMAND = ("parameters", "config", "summary", "reason", "stop_reason")
_COMPARED = (
    *("name", "title", "state", "is_alive", "is_broken", "bests", "last", "created", "started", "ended"),
    *("agent", "host", "failure", "history_lines", "times"),
)
_texts, _compared = attrgetter(*_ON_DEMAND), itemgetter(*_COMPARED)


def _plain(values: Mapping[str, Any]) -> RunData:
    return RunData(**values)
