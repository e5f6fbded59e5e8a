"""The search with earlier sweeps."""

import math
from collections.abc import Mapping, Sequence

import pytest

from litsweep import Controller, EarlierSweep, parse_sweep
from litsweep.sweep.reasons import EarlierReason, ModelReason, reason_from_json
from litsweep.sweep.run import Suggestion

LR = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0}
SWEEP = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "lr": LR,
        "momentum": {"min": 0.0, "max": 1.0},
        "optimizer": {"values": ["sgd", "adam"]},
    },
}
CHANGED = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1},
    "optimizer": {"values": ["adam", "lion", "sgd"]},
    "dropout": {"min": 0.0, "max": 1.0},
}


def loss(parameters: Mapping[str, object], sign: float = 1.0) -> float:
    """Return a loss whose best config has lr 0.003, momentum 0.8 and adam."""
    lr, momentum = parameters["lr"], parameters.get("momentum", 0.8)
    assert isinstance(lr, float)
    assert isinstance(momentum, float)
    distance = (math.log10(lr) + 2.5) ** 2 + 4 * (momentum - 0.8) ** 2
    return sign * (distance + 0.5 * (parameters["optimizer"] == "sgd"))


def played(search: Controller, n: int, sign: float = 1.0) -> list[tuple[Suggestion, float]]:
    """Return `n` suggestions with their losses, of which the search learns."""
    found = []
    for _ in range(n):
        (suggestion,) = search.ask()
        value = loss(suggestion.parameters, sign)
        search.tell(suggestion.id, [{"loss": value}], "finished")
        found.append((suggestion, value))
    return found


def earlier(name: str = "first", sign: float = 1.0, n: int = 14) -> EarlierSweep:
    """Return an earlier sweep of the same loss, or with sign -1 of the opposite one."""
    search = Controller(parse_sweep(SWEEP), seed=3)
    played(search, n, sign)
    return EarlierSweep(search.config, search.runs, name)


@pytest.fixture(scope="module")
def first() -> EarlierSweep:
    return earlier()


def configs(found: Sequence[tuple[Suggestion, float]]) -> list[Mapping[str, object]]:
    return [suggestion.parameters for suggestion, _ in found]


def test_first_suggestion_is_near_the_earlier_optimum(first: EarlierSweep) -> None:
    (suggestion,) = Controller(parse_sweep(SWEEP), earlier=[first]).ask()
    best = min(loss(run.parameters) for run in first.runs)
    assert loss(suggestion.parameters) < best + 0.2
    assert suggestion.reason == EarlierReason(sweeps=["first"])
    assert reason_from_json(suggestion.reason.to_json()) == suggestion.reason


def test_reason_has_the_weight_of_each_sweep(first: EarlierSweep) -> None:
    opposite = earlier("opposite", -1.0)
    found = played(Controller(parse_sweep(SWEEP), earlier=[opposite, first]), 8)
    reason = found[-1][0].reason
    assert isinstance(reason, ModelReason)
    assert reason.earlier is not None
    assert reason.earlier["first"] > 0.3
    assert reason.earlier.get("opposite", 0.0) < 0.1
    assert reason_from_json(reason.to_json()) == reason
    assert min(value for _, value in found[:4]) < 0.2


def test_changed_space(first: EarlierSweep) -> None:
    sweep = {**SWEEP, "parameters": CHANGED}
    found = played(Controller(parse_sweep(sweep), earlier=[first]), 5)
    assert min(value for _, value in found[:2]) < 0.2


def test_replay_gives_the_same_suggestion(first: EarlierSweep) -> None:
    search = Controller(parse_sweep(SWEEP), seed=5, earlier=[first])
    found = played(search, 5)
    again = Controller(parse_sweep(SWEEP), seed=5, earlier=[first])
    for suggestion, value in found[:4]:
        again.add(suggestion.parameters, [{"loss": value}], id=suggestion.id)
    assert again.ask()[0] == found[4][0]


def test_parallel_suggestions_differ(first: EarlierSweep) -> None:
    suggestions = Controller(parse_sweep(SWEEP), earlier=[first]).ask(4)
    assert len({str(suggestion.parameters) for suggestion in suggestions}) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"metric": {"name": "other", "goal": "minimize"}},
        {"metric": {"name": "loss", "goal": "maximize"}},
        {"parameters": {"width": {"min": 0.0, "max": 1.0}}},
        {"method": "random"},
    ],
)
def test_sweep_without_anything_in_common_is_ignored(change: dict[str, object], first: EarlierSweep) -> None:
    config = parse_sweep({**SWEEP, **change})
    assert Controller(config, earlier=[first]).ask(2) == Controller(config).ask(2)


def test_sweep_with_few_or_equal_results_is_ignored(first: EarlierSweep) -> None:
    few = EarlierSweep(first.config, first.runs[:4])
    search = Controller(parse_sweep(SWEEP))
    for suggestion in search.ask(8):
        search.tell(suggestion.id, [{"loss": 1.0}], "finished")
    equal = EarlierSweep(search.config, search.runs)
    assert Controller(search.config, earlier=[few, equal]).ask(2) == Controller(search.config).ask(2)


def test_wrong_argument() -> None:
    with pytest.raises(TypeError, match=r"earlier\[0\]: must be an EarlierSweep"):
        Controller(parse_sweep(SWEEP), earlier=[parse_sweep(SWEEP)])  # type: ignore[list-item]


def test_parameter_that_was_constant_keeps_its_value_at_first() -> None:
    before = {"x": {"min": 0.0, "max": 1.0}, "decay": {"value": 0.01}}
    after = {**before, "decay": {"min": 0.0, "max": 0.1}, "new": {"min": 0.0, "max": 1.0}}
    search = Controller(parse_sweep({**SWEEP, "parameters": before}))
    for suggestion in search.ask(6):
        x = suggestion.parameters["x"]
        assert isinstance(x, float)
        search.tell(suggestion.id, [{"loss": (x - 0.3) ** 2}], "finished")
    sweep = EarlierSweep(search.config, search.runs)
    for suggestion in Controller(parse_sweep({**SWEEP, "parameters": after}), earlier=[sweep]).ask(2):
        assert suggestion.parameters["decay"] == pytest.approx(0.01)
        assert suggestion.parameters["new"] == pytest.approx(0.5)


def test_first_configs_have_only_values_that_earlier_sweeps_know(first: EarlierSweep) -> None:
    wider = {
        "lr": {"distribution": "log_uniform_values", "min": 1e-8, "max": 1e3},
        "momentum": {"min": -3.0, "max": 4.0},
        "optimizer": {"values": ["lamb", "lion", "sgd", "adam"]},
    }
    for suggestion in Controller(parse_sweep({**SWEEP, "parameters": wider}), earlier=[first]).ask(3):
        for name, value in suggestion.parameters.items():
            assert first.config.space.by_name[name].distribution.contains(value)
