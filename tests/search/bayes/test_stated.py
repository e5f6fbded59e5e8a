"""What a person expects of parameters: `litsweep: prior`."""

from typing import Any

import pytest

from litsweep import Controller, parse_sweep
from litsweep.errors import ConfigError
from litsweep.sweep.prior import Confidence, StatedPrior

SWEEP: dict[str, Any] = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-6, "max": 1.0},
        "optimizer": {"values": ["sgd", "adam", "lion"]},
        "width": {"min": 8, "max": 512},
    },
}
PRIOR = {"lr": {"best_guess": 1e-4, "confidence": "high"}, "optimizer": {"best_guess": "lion"}}


def sweep(prior: object) -> dict[str, Any]:
    return {**SWEEP, "litsweep": {"prior": prior}}


def played(config: dict[str, Any], n: int, best: float) -> list[dict[str, Any]]:
    """Return the configs of `n` runs, whose loss is least at this power of ten for lr, and for adam."""
    from math import log10

    search, found = Controller(parse_sweep(config), seed=1), []
    for _ in range(n):
        (run,) = search.ask()
        parameters: dict[str, Any] = dict(run.parameters)
        value = abs(log10(parameters["lr"]) - best) + (parameters["optimizer"] != "adam")
        search.tell(run.id, [{"loss": value}], "finished")
        found.append(parameters)
    return found


def test_parsed() -> None:
    config = parse_sweep(sweep(PRIOR))
    assert config.prior == {
        "lr": StatedPrior(1e-4, Confidence.HIGH),
        "optimizer": StatedPrior("lion", Confidence.MEDIUM),
    }
    assert parse_sweep(SWEEP).prior == {}


def test_first_runs_are_near_the_guess() -> None:
    found: list[dict[str, Any]] = [
        dict(each.parameters) for each in Controller(parse_sweep(sweep(PRIOR)), seed=1).ask(20)
    ]
    assert found[0]["lr"] == pytest.approx(1e-4)
    assert found[0]["optimizer"] == "lion"
    assert all(1e-5 < each["lr"] < 1e-3 for each in found[:4])
    assert sum(each["optimizer"] == "lion" for each in found) > 9
    assert len({each["optimizer"] for each in found}) > 1
    assert max(each["width"] for each in found) - min(each["width"] for each in found) > 300


def test_results_overrule_a_wrong_guess() -> None:
    found = played(sweep({"lr": {"best_guess": 0.1, "confidence": "high"}}), 22, best=-5.0)
    assert found[0]["lr"] == pytest.approx(0.1)
    assert min(each["lr"] for each in found) < 1e-4


@pytest.mark.parametrize(
    ("prior", "fault"),
    [
        ({"l": {"best_guess": 1}}, "litsweep.prior.l: is not a parameter of the sweep"),
        ({"optimiser": {"best_guess": "adam"}}, "did you mean optimizer?"),
        ({"lr": 1e-3}, "litsweep.prior.lr: must be a mapping"),
        ({"lr": {}}, "litsweep.prior.lr.best_guess: is missing"),
        ({"lr": {"best_guess": 3.0}}, "litsweep.prior.lr.best_guess: must be a value of lr, from 1e-06 to 1"),
        ({"lr": {"best_guess": "3e-4"}}, "litsweep.prior.lr.best_guess: must be a value of lr"),
        ({"optimizer": {"best_guess": "rms"}}, "must be one of"),
        ({"lr": {"best_guess": 0.1, "confidence": "sure"}}, "must be one of low, medium, high"),
        ({"lr": {"best_gues": 0.1}}, "did you mean best_guess?"),
        ([1e-3], "litsweep.prior: must be a mapping"),
    ],
)
def test_faults(prior: object, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sweep(sweep(prior))
    assert fault in str(caught.value)


def test_method_without_a_model() -> None:
    with pytest.raises(ConfigError, match=r"litsweep\.prior: works with method: bayes only"):
        parse_sweep({**sweep(PRIOR), "method": "random"})


@pytest.mark.parametrize(
    ("written", "parsed"), [("auto", None), ("off", ()), (False, ()), (["a", "b"], ("a", "b"))]
)
def test_transfer(written: object, parsed: object) -> None:
    assert parse_sweep({**SWEEP, "litsweep": {"transfer": written}}).transfer == parsed


@pytest.mark.parametrize("written", ["on", True, [1], {"a": "b"}, 3])
def test_wrong_transfer(written: object) -> None:
    with pytest.raises(ConfigError, match=r"litsweep\.transfer: must be auto, off or a list of sweeps"):
        parse_sweep({**SWEEP, "litsweep": {"transfer": written}})
