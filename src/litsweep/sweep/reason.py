"""Base classes of the reasons for suggestions and stops, and how a reason becomes JSON and text."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self

from litsweep.errors import shortened
from litsweep.sweep.values import is_number

Detail = str | dict[str, str] | list[tuple[str, "Detail"]]
"""A text, a link to a run (`{"run": id}`), or labelled details."""


class RunId(str):
    """The id of another run. A page shows it as a link."""


class Change(NamedTuple):
    """The values of one parameter in another run's config and in this one; None where it is inactive."""

    other: object
    this: object


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why the search did something. Its JSON has the fields that are set, and the `name` under `key`."""

    key: ClassVar[str] = ""
    name: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        """Return the reason as it is stored."""
        kind = {self.key: self.name} if self.key else {}
        return {**kind, **{name: value for name, value in asdict(self).items() if value is not None}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields. Raises TypeError if a field is missing or unknown."""
        return cls(**content)

    @property
    def brief(self) -> str:
        """A few words for a table or a sentence."""
        return words(self.name)

    def details(self) -> list[tuple[str, Detail]]:
        """Return everything recorded, as pairs of label and value."""
        return [*([(words(self.key), self.name)] if self.key else []), *_pairs(self)]


@dataclass(frozen=True, kw_only=True)
class SuggestionReason(Reason):
    """Why a config was suggested. `fallback` says why the sweep's own method could not choose it.

    With freeze-thaw the run is paused at iteration `train_to`, and never if it is None. `training` says in
    words how far it is trained, and why.
    """

    key: ClassVar[str] = "method"
    fallback: str | None = None
    runs_outside_the_space: int | None = None
    train_to: int | None = None
    training: str | None = None

    @property
    def brief(self) -> str:
        """The method, the fallback if there was one, and how far the run is trained."""
        text = self.name if self.fallback is None else f"{self.name}, fallback: {self.fallback}"
        return self._with_training(text)

    def _with_training(self, text: str) -> str:
        return text if self.training is None else f"{text}; {self.training}"


@dataclass(frozen=True, kw_only=True)
class StopReason(Reason):
    """Why a run was stopped: its `value` is worse than the `threshold` at iteration `bracket`."""

    key: ClassVar[str] = "rule"
    bracket: int
    threshold: float
    value: float
    iteration: int

    @property
    def brief(self) -> str:
        """The value and the threshold."""
        return f"{self._value_so_far}, the threshold is {format_value(self.threshold)}"

    @property
    def _value_so_far(self) -> str:
        return f"{words(self.name)}: {format_value(self.value)} after {format_value(self.iteration)} values"


@dataclass(frozen=True, kw_only=True)
class RequestReason(Reason):
    """A stop that a person or a program requested. `by` names the mutation or action."""

    by: str


@dataclass(frozen=True, kw_only=True)
class UnknownReason(Reason):
    """A stored reason of a kind that this version does not know."""

    content: Mapping[str, object]

    @property
    def fallback(self) -> str | None:
        """The recorded fallback."""
        found = self.content.get("fallback")
        return None if found is None else str(found)

    def to_json(self) -> dict[str, Any]:
        """Return the stored content."""
        return dict(self.content)

    @property
    def brief(self) -> str:
        """The method or rule, and the fallback if there was one."""
        kind = self.content.get("method") or self.content.get("rule")
        return ", ".join([str(kind)] * bool(kind) + [f"fallback: {self.fallback}"] * bool(self.fallback))

    def details(self) -> list[tuple[str, Detail]]:
        """Return the stored content, as pairs of label and value."""
        return [(words(key), _detail(value)) for key, value in self.content.items()]


def train_to_of(reason: Reason | None) -> int | None:
    """Return the iteration at which a run with this reason is paused; None for never."""
    if isinstance(reason, SuggestionReason):
        return reason.train_to
    found = reason.content.get("train_to") if isinstance(reason, UnknownReason) else None
    return found if isinstance(found, int) else None


def training_of(reason: Reason | None) -> str | None:
    """Return how far a run with this reason is trained, and why; None without freeze-thaw."""
    if isinstance(reason, SuggestionReason):
        return reason.training
    found = reason.content.get("training") if isinstance(reason, UnknownReason) else None
    return found if isinstance(found, str) else None


def fallback_of(reason: Reason | None) -> str | None:
    """Return why the sweep's own method could not choose the config, or None if it could."""
    return reason.fallback if isinstance(reason, SuggestionReason | UnknownReason) else None


def words(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")


def format_value(value: object, integers_in_full: bool = False) -> str:
    """Return a value as all commands and pages show it. A number has at most four significant digits.

    With `integers_in_full`, an integer that may be an id or a seed has up to nine digits.
    """
    if value is None:
        return "–"
    if integers_in_full and type(value) is int:
        return shortened(value)
    if not is_number(value):
        return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    if value != value or value in (math.inf, -math.inf):
        return str(float(value))
    size = abs(value)
    if size < 1e6 and value == int(value):
        return str(int(value))
    if size < 1e-3 or size >= 1e6:
        exact = Decimal(int(value)) if size >= 1e6 else value  # an integer may be too large for a float
        mantissa, exponent = f"{exact:.2e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{float(f'{value:.4g}'):.10g}"


def _pairs(thing: object) -> list[tuple[str, Detail]]:
    """Return labelled details. A field's name is shown as words, a mapping's key unchanged."""
    if isinstance(thing, Mapping):
        return [(str(name), _detail(value)) for name, value in thing.items()]
    assert is_dataclass(thing)
    ordered = sorted(fields(thing), key=lambda each: each.default is not MISSING)  # optional fields last
    values = [(words(each.name), getattr(thing, each.name)) for each in ordered]
    return [(label, _detail(value)) for label, value in values if value is not None]


def _detail(value: object) -> Detail:
    if isinstance(value, RunId):
        return {"run": str(value)}
    if isinstance(value, Mapping) or is_dataclass(value):
        return _pairs(value)
    if isinstance(value, tuple | list):
        return (" → " if isinstance(value, Change) else ", ").join(map(format_value, value))
    return format_value(value)
