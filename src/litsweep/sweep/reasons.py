"""The reasons that the search methods give, and the reader of stored reasons of all kinds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    train_to_of,
    training_of,
    words,
)
from litsweep.sweep.run import Run


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
class RepeatReason(SuggestionReason):
    """A config that runs again with another `seed`, the value of `parameter`. `run` is its first run.

    The repeats compare the configs of the runs `leaders`. There are at most `budget` repeats of them.
    """

    name: ClassVar[str] = "repeat"
    run: RunId
    parameter: str
    seed: int
    leaders: Sequence[str]
    budget: int

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields."""
        return cls(**{**content, "run": RunId(content["run"]), "leaders": tuple(content["leaders"])})

    @property
    def brief(self) -> str:
        """The repeated run and the seed."""
        return f"repeat of {self.run} with {self.parameter} {self.seed}"


@dataclass(frozen=True, kw_only=True)
class ReplicateReason(SuggestionReason):
    """A config that the sweep runs again with another seed (`litsweep: replicates`)."""

    name: ClassVar[str] = "replicate"
    number: int
    replicates: int

    @property
    def brief(self) -> str:
        """The number of the replicate."""
        return f"replicate {self.number} of {self.replicates}"


@dataclass(frozen=True, kw_only=True)
class PredictedValue:
    """The predicted value of a metric, in its units."""

    predicted_mean: float
    predicted_deviation: float

    def __str__(self) -> str:
        return f"{format_value(self.predicted_mean)} ± {format_value(self.predicted_deviation)}"


@dataclass(frozen=True, kw_only=True)
class Prediction(PredictedValue):
    """The prediction for a config. The improvement is over the best value."""

    expected_improvement: float


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
class ConstraintPrediction(PredictedValue):
    """The prediction of a value with a constraint, and the `probability` that it is within the `limit`."""

    limit: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class BayesReason(SuggestionReason):
    """What the models of constraints and of the cost predict, in seconds; None without them."""

    name: ClassVar[str] = "bayes"
    constraints: Mapping[str, ConstraintPrediction] | None = None
    constraints_probability: float | None = None
    predicted_duration: float | None = None

    @property
    def _outcomes(self) -> str:
        """The predictions, to go after those of the metrics; "" if there are none."""
        values = [f"{name} {each}" for name, each in (self.constraints or {}).items()]
        if self.constraints_probability is not None:
            values.append(f"meets the constraints with probability {self.constraints_probability:.2f}")
        if self.predicted_duration is not None:
            values.append(f"in {format_value(self.predicted_duration)} s")
        return "".join(f", {value}" for value in values)


def _outcomes_from_json(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored fields with the predictions of constraints."""
    stored = content.get("constraints")
    if stored is None:
        return {**content}
    return {**content, "constraints": {name: ConstraintPrediction(**each) for name, each in stored.items()}}


@dataclass(frozen=True, kw_only=True)
class ModelReason(Prediction, BayesReason):
    """The model's choice for one metric, by the acquisition `strategy`.

    `earlier` has the weight of each earlier sweep's predictions in the model; 0 means that it has no effect.
    """

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
        known = _outcomes_from_json({key: value for key, value in content.items() if key != "turn"})
        return cls(**{**known, **strategy, **nested})

    @property
    def brief(self) -> str:
        """The prediction, and how far the run is trained."""
        return self._with_training(f"predicted {self}{self._outcomes}")


@dataclass(frozen=True, kw_only=True)
class ParetoReason(BayesReason):
    """The choice for several metrics. `front` is the number of configs on the predicted Pareto front."""

    predicted: Mapping[str, Prediction]
    nearest: Nearest
    runs_used: int
    front: int

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields."""
        predicted = {metric: Prediction(**values) for metric, values in content["predicted"].items()}
        known = _outcomes_from_json(content)
        return cls(**{**known, "predicted": predicted, "nearest": Nearest.from_json(content["nearest"])})

    @property
    def brief(self) -> str:
        """The prediction for each metric."""
        predicted = ", ".join(f"{metric} {each}" for metric, each in self.predicted.items())
        return f"predicted {predicted}{self._outcomes}"


@dataclass(frozen=True, kw_only=True)
class ResumeReason(SuggestionReason):
    """A paused run was chosen to be resumed, with the prediction for its full training.

    `improvement_per_iteration` is the expected improvement for each iteration that it costs, in standard
    deviations of the model's targets. `compared` counts the paused runs and new configs that it was compared
    with.
    """

    name: ClassVar[str] = "freeze-thaw"
    resumed_at: int
    predicted: Prediction | None = None
    improvement_per_iteration: float | None = None
    compared: int = 0

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the reason with the stored fields."""
        predicted = Prediction(**content["predicted"]) if "predicted" in content else None
        return cls(**{**content, "predicted": predicted})

    @property
    def brief(self) -> str:
        """Where the run is resumed, how far it trains and why, and the prediction."""
        text = self.training or f"resumed at {self.resumed_at}"
        return text if self.predicted is None else f"{text}; predicted {self.predicted}"


_AGAIN = (RetryReason, RepeatReason, ReplicateReason, ResumeReason)
_BY_METHOD: Mapping[object, type[SuggestionReason]] = {
    kind.name: kind for kind in (GridReason, RandomReason, DesignReason, EarlierReason, ModelReason, *_AGAIN)
}
_BY_RULE: Mapping[object, type[Reason]] = {rule.reason.name: rule.reason for rule in RULES}


def started_because(run: Run, reason: Reason | None) -> Run:
    """Return the run with what its reason says: whose config it repeats, and where it is paused."""
    repeat_of = str(reason.run) if isinstance(reason, RepeatReason) else run.repeat_of
    return replace(run, repeat_of=repeat_of, train_to=train_to_of(reason), training=training_of(reason))


def stored_reason(text: str | None) -> Reason | None:
    """Return the reason that is stored as this text, as `reason_from_json`; None if there is none."""
    return reason_from_json(json.loads(text)) if text else None


def reason_text(text: str | None) -> str:
    """Return the reason that is stored as this text, in a few words; "" if there is none."""
    reason = stored_reason(text)
    return reason.brief if reason else ""


def reason_from_json(content: object) -> Reason:
    """Return a stored reason: an UnknownReason if its kind or a field is unknown. Never raises."""
    stored = {str(key): value for key, value in content.items()} if isinstance(content, Mapping) else {}
    rest = {key: value for key, value in stored.items() if key not in ("method", "rule")}
    method, rule = str(stored.get("method")), str(stored.get("rule"))
    kind = _BY_METHOD.get(method) or _BY_RULE.get(rule)
    kind = ParetoReason if "predicted" in rest and method != ResumeReason.name else kind
    try:
        return (kind or RequestReason).from_json(rest)
    except (AttributeError, KeyError, TypeError, ValueError):
        return UnknownReason(content=stored)
