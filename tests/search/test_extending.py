"""A new early-termination rule or search method takes one class and one line in a registry."""

from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest

from litsweep import Controller, parse_sweep
from litsweep.errors import ConfigError
from litsweep.search.enumeration import Searcher
from litsweep.search.searcher import SEARCHERS
from litsweep.sweep.config import Method
from litsweep.sweep.early_termination import RULES
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import CurveRule, StopDecision
from litsweep.sweep.parse.section import Section
from litsweep.sweep.reason import StopReason, SuggestionReason
from litsweep.sweep.reasons import reason_from_json
from litsweep.sweep.run import Run, Suggestion

SWEEP: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


@dataclass(frozen=True, kw_only=True)
class LimitReason(StopReason):
    """A run is above the limit."""

    name: ClassVar[str] = "limit"


@dataclass(frozen=True)
class Limit(CurveRule):
    """Stops a run whose best loss after `min_iter` iterations is above `limit`."""

    label: ClassVar[str] = "a limit"
    reason: ClassVar[type[StopReason]] = LimitReason

    limit: float = 0.0
    min_iter: int = 1

    @classmethod
    def parse(cls, section: Section) -> Self:
        limit = section.number("limit") or cls.limit
        return cls(limit, section.optional_integer("min_iter") or cls.min_iter)

    def decide(self, curves: Sequence[LearningCurve]) -> Iterator[StopDecision]:
        for curve in curves:
            n = len(curve.values)
            if curve.is_judged and n >= self.min_iter and curve.best_loss(n) > self.limit:
                yield self.stop(curve, self.min_iter, self.limit, curve.best_loss(n))


@pytest.fixture
def with_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the rule to the registry."""
    monkeypatch.setattr("litsweep.sweep.parse.top.RULES", (*RULES, Limit))


def with_rule(**keys: Any) -> dict[str, Any]:
    return {**SWEEP, "litsweep": {"early_terminate": {"type": "limit", **keys}}}


def test_a_rule_is_parsed_and_stops_runs(with_limit: None) -> None:
    config = parse_sweep(with_rule(limit=0.5, min_iter=2))
    assert config.early_terminate == Limit(0.5, 2)
    assert config.early_terminate.label == "a limit"
    search = Controller(config)
    bad, good = (search.add({"x": 0.1}, [{"loss": 9.0}, {"loss": loss}], "running") for loss in (0.75, 0.25))
    (decision,) = search.runs_to_stop()
    assert decision == bad != good
    assert decision.reason.brief == "limit: 0.75 after 2 values, the threshold is 0.5"
    assert decision.reason.to_json()["rule"] == "limit"


def test_the_keys_of_a_rule_are_its_fields(with_limit: None) -> None:
    with pytest.raises(
        ConfigError, match=r"early_terminate\.limt: is not a key of a limit; did you mean limit"
    ):
        parse_sweep(with_rule(limt=0.5))
    with pytest.raises(
        ConfigError, match="must be one of hyperband, successive_halving, median, predictive, freeze_thaw, li"
    ):
        parse_sweep({**SWEEP, "litsweep": {"early_terminate": {"type": "limits"}}})


class MiddleReason(SuggestionReason):
    """The middle of an interval."""

    name: ClassVar[str] = "middle"


class Middles(Searcher):
    """Suggests 1/2, 1/4, 1/8, … of every parameter's probability."""

    def suggest(self, runs: Sequence[Run], tried: AbstractSet[Hashable], n: int) -> list[Suggestion]:
        quantiles = (0.5 ** (i + 1) for i in range(len(runs), len(runs) + n))
        configs = ({p.name: p.distribution.ppf(u) for p in self._config.space.parameters} for u in quantiles)
        return [Suggestion(config, MiddleReason()) for config in configs]


def test_a_search_method_suggests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEARCHERS, Method.RANDOM, Middles)  # the line in the registry
    search = Controller(parse_sweep(SWEEP))
    assert [suggestion.parameters["x"] for suggestion in search.ask(3)] == [0.5, 0.25, 0.125]
    stored = MiddleReason(fallback="none").to_json()
    assert stored == {"method": "middle", "fallback": "none"}
    assert reason_from_json(stored).brief == "middle, fallback: none"
