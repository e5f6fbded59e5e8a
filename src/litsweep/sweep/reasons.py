"""The reasons that the search methods give, and the reader of stored reasons of all kinds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from litsweep.sweep.early_termination import RULES
from litsweep.sweep.reason import (
    Change,
    Reason,
    RequestReason,
    RunId,
    SuggestionReason,
    UnknownReason,
    format_value,
    words,
)


@dataclass(frozen=True, kw_only=True)
class GridReason(SuggestionReason):
    """The next point of the grid."""

    name: ClassVar[str] = "grid"


@dataclass(frozen=True, kw_only=True)
class RandomReason(SuggestionReason):
    """A random draw."""

    name: ClassVar[str] = "random"


@dataclass(frozen=True, kw_only=True)
class DesignReason(SuggestionReason):
    """A config of the initial design."""

    name: ClassVar[str] = "initial design"


@dataclass(frozen=True, kw_only=True)
class EarlierReason(SuggestionReason):
    """A config that the earlier sweeps with the names `sweeps` predict to be good."""

    name: ClassVar[str] = "earlier sweeps"
    sweeps: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RetryReason(SuggestionReason):
    """A config that runs again. `run` is its last run, which ended in `state`; this is attempt `attempt`."""

    name: ClassVar[str] = "retry"
    run: RunId
    state: str
    failure: str | None = None
    attempt: int

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields."""
        return cls(**{**content, "run": RunId(content["run"])})

    @property
    def brief(self) -> str:
        """The repeated run, and how it ended."""
        ended = "was killed" if self.state == "killed" else self.state
        return f"retry of {self.run}, which {ended}{f' ({words(self.failure)})' if self.failure else ''}"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The prediction for a config, in the metric's units. The improvement is over the best value."""

    predicted_mean: float
    predicted_deviation: float
    expected_improvement: float

    def __str__(self) -> str:
        return f"{format_value(self.predicted_mean)} ± {format_value(self.predicted_deviation)}"


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The observed run whose config is most similar to the suggested one, and how they differ."""

    run: RunId
    distance: float
    differs: Mapping[str, Change]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the nearest run with the stored fields."""
        differs = {name: Change(*values) for name, values in content["differs"].items()}
        return cls(**{**content, "run": RunId(content["run"]), "differs": differs})


@dataclass(frozen=True, kw_only=True)
class Warping:
    """The fitted warps: the power of the output warp, and a and b of each number; 1 means no warp."""

    output_power: float
    inputs: Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class ModelReason(Prediction, SuggestionReason):
    """The model's choice for one metric, by the acquisition `strategy`.

    `earlier` has the weight of each earlier sweep's predictions in the model; 0 means that it has no effect.
    """

    name: ClassVar[str] = "bayes"
    strategy: str
    nearest: Nearest
    runs_used: int
    warping: Warping
    success_probability: float | None = None
    failures_look_random: bool | None = None
    earlier: Mapping[str, float] | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields. Early versions call the strategy `turn`."""
        strategy = {"strategy": content["turn"]} if "turn" in content else {}
        nested = {"nearest": Nearest.from_json(content["nearest"]), "warping": Warping(**content["warping"])}
        return cls(**{**{k: v for k, v in content.items() if k != "turn"}, **strategy, **nested})

    @property
    def brief(self) -> str:
        """The prediction."""
        return f"predicted {self}"


@dataclass(frozen=True, kw_only=True)
class ParetoReason(SuggestionReason):
    """The choice for several metrics. `front` is the number of configs on the predicted Pareto front."""

    name: ClassVar[str] = "bayes"
    predicted: Mapping[str, Prediction]
    nearest: Nearest
    runs_used: int
    front: int

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields."""
        predicted = {metric: Prediction(**values) for metric, values in content["predicted"].items()}
        return cls(**{**content, "predicted": predicted, "nearest": Nearest.from_json(content["nearest"])})

    @property
    def brief(self) -> str:
        """The prediction for each metric."""
        return f"predicted {', '.join(f'{metric} {each}' for metric, each in self.predicted.items())}"


_BY_METHOD: Mapping[object, type[SuggestionReason]] = {
    kind.name: kind
    for kind in (GridReason, RandomReason, DesignReason, EarlierReason, ModelReason, RetryReason)
}
_BY_RULE: Mapping[object, type[Reason]] = {rule.reason.name: rule.reason for rule in RULES}


def stored_reason(text: str | None) -> Reason | None:
    """Return the reason that is stored as this text, as `reason_from_json`; None if there is none."""
    return reason_from_json(json.loads(text)) if text else None


def reason_from_json(content: object) -> Reason:
    """Return a stored reason: an UnknownReason if its kind or a field is unknown. Never raises."""
    stored = {str(key): value for key, value in content.items()} if isinstance(content, Mapping) else {}
    rest = {key: value for key, value in stored.items() if key not in ("method", "rule")}
    method, rule = str(stored.get("method")), str(stored.get("rule"))
    kind = ParetoReason if "predicted" in rest else _BY_METHOD.get(method) or _BY_RULE.get(rule)
    try:
        return (kind or RequestReason).from_json(rest)
    except (AttributeError, KeyError, TypeError, ValueError):
        return UnknownReason(content=stored)
