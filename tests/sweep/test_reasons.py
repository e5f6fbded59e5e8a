"""Reasons: stored as JSON, read back, and shown to a person."""

from typing import Any

import pytest

from litsweep.sweep.early_termination.freeze_thaw import PauseReason
from litsweep.sweep.early_termination.hyperband import BracketReason
from litsweep.sweep.early_termination.median import MedianReason
from litsweep.sweep.early_termination.predictive import ForecastReason
from litsweep.sweep.early_termination.successive_halving import RungReason
from litsweep.sweep.reason import Change, Reason, RequestReason, RunId, UnknownReason, format_value
from litsweep.sweep.reasons import (
    DesignReason,
    GridReason,
    ModelReason,
    Nearest,
    ParetoReason,
    Prediction,
    RandomReason,
    RepeatReason,
    ReplicateReason,
    ResumeReason,
    Warping,
    reason_from_json,
)

PREDICTION = Prediction(predicted_mean=0.123456, predicted_deviation=2e-5, expected_improvement=0.0)
NEAREST = Nearest(run=RunId("abc"), distance=1.5, differs={"lr_max": Change(0.1, None)})
MODEL = ModelReason(
    **vars(PREDICTION),
    strategy="exploration",
    nearest=NEAREST,
    runs_used=7,
    warping=Warping(output_power=1.25, inputs={"lr_max": [1.0, 0.5]}),
    success_probability=0.5,
    failures_look_random=False,
)
STOP: dict[str, Any] = {"bracket": 3, "threshold": 0.5, "value": 0.75, "iteration": 4}
FORECAST: dict[str, Any] = {"least_chance": 0.2, "predicted_mean": 0.7, "predicted_deviation": 0.1}
REASONS: list[tuple[Reason, str]] = [
    (GridReason(), "grid"),
    (RandomReason(fallback="all tried"), "random, fallback: all tried"),
    (DesignReason(runs_outside_the_space=2), "initial design"),
    (
        RepeatReason(run=RunId("abc"), parameter="rng", seed=4, leaders=("abc", "def"), budget=10),
        "repeat of abc with rng 4",
    ),
    (ReplicateReason(number=2, replicates=3), "replicate 2 of 3"),
    (
        DesignReason(train_to=3, training="trained to 3 of 52: initial design"),
        "initial design; trained to 3 of 52: initial design",
    ),
    (ResumeReason(resumed_at=9, train_to=26), "resumed at 9"),
    (
        ResumeReason(resumed_at=9, training="resumed at 9 of 52", predicted=PREDICTION, compared=3),
        "resumed at 9 of 52; predicted 0.1235 ± 2e-5",
    ),
    (PauseReason(iteration=9, max_iter=52, value=0.5), "paused at 9 of 52 with 0.5"),
    (
        PauseReason(iteration=9, max_iter=52, value=0.5, training="trained to 9 of 52: exploring"),
        "paused at 9 of 52 with 0.5 (trained to 9 of 52: exploring)",
    ),
    (MODEL, "predicted 0.1235 ± 2e-5"),
    (
        ParetoReason(predicted={"a_b": PREDICTION, "c": PREDICTION}, nearest=NEAREST, runs_used=7, front=2),
        "predicted a_b 0.1235 ± 2e-5, c 0.1235 ± 2e-5",
    ),
    (
        BracketReason(**STOP, compared_runs=9, brackets=[1, 3], eta=3.0, strict=True),
        "hyperband: 0.75 after 4 values, the threshold is 0.5",
    ),
    (
        RungReason(**STOP, compared_runs=9, eta=3.0),
        "successive halving: 0.75 after 4 values, the threshold is 0.5",
    ),
    (MedianReason(**STOP, compared_runs=9), "median: 0.75 after 4 values, the threshold is 0.5"),
    (
        ForecastReason(**STOP, chance=0.01, **FORECAST),
        "predictive: 0.75 after 4 values, with a chance of 0.01 to get beyond 0.5",
    ),
    (RequestReason(by="stopRun"), ""),
]


@pytest.mark.parametrize(("reason", "brief"), REASONS, ids=lambda value: type(value).__name__)
def test_a_reason_is_read_back_as_it_was_and_is_brief(reason: Reason, brief: str) -> None:
    assert reason_from_json(reason.to_json()) == reason
    assert reason.brief == brief


def test_details_have_words_for_fields_and_leave_names_of_parameters() -> None:
    assert MODEL.details() == [
        ("method", "bayes"),
        ("predicted mean", "0.1235"),
        ("predicted deviation", "2e-5"),
        ("expected improvement", "0"),
        ("strategy", "exploration"),
        ("nearest", [("run", {"run": "abc"}), ("distance", "1.5"), ("differs", [("lr_max", "0.1 → –")])]),
        ("runs used", "7"),
        ("warping", [("output power", "1.25"), ("inputs", [("lr_max", "1, 0.5")])]),
        ("success probability", "0.5"),
        ("failures look random", "false"),
    ]


def test_the_reasons_of_earlier_versions_are_read() -> None:
    stored = MODEL.to_json()
    stored["turn"] = stored.pop("strategy")
    assert reason_from_json(stored) == MODEL


@pytest.mark.parametrize(
    ("stored", "brief"),
    [
        ({"rule": "hyperband"}, "hyperband"),
        ({"rule": "of the future", "level": 3}, "of the future"),
        ({"method": "bayes", "predicted": 3, "fallback": "none"}, "bayes, fallback: none"),
        ({"method": "bayes", "nearest": [], "warping": {}}, "bayes"),
        ({"method": ["random"]}, "['random']"),
        ({"method": "random", "note": "x"}, "random"),
        ({}, ""),
    ],
    ids=str,
)
def test_what_is_not_known_is_kept_and_shown(stored: dict[str, Any], brief: str) -> None:
    reason = reason_from_json(stored)
    assert isinstance(reason, UnknownReason)
    assert (reason.to_json(), reason.brief) == (stored, brief)
    assert len(reason.details()) == len(stored)


@pytest.mark.parametrize("content", [None, "text", 3, ["a"]])
def test_what_is_no_mapping_is_an_empty_reason(content: object) -> None:
    assert reason_from_json(content) == UnknownReason(content={})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (True, "true"),
        (None, "–"),
        ("a", "a"),
        (12345.678, "12350"),
        (0.000123, "1.23e-4"),
        (1e7, "1e7"),
        (-0.25, "-0.25"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (10**400, "1e400"),
        (-1234567, "-1.23e6"),
        ({"a": [1]}, '{"a": [1]}'),
    ],
    ids=str,
)
def test_values_are_short(value: object, text: str) -> None:
    assert format_value(value) == text
    assert format_value(value, integers_in_full=True) == (str(value) if value == -1234567 else text)
