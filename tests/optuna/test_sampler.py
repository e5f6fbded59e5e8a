"""The sampler in Optuna studies, without a sweep."""

import itertools
import json
import math
import pickle
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from litsweep import Controller, parse_sweep
from litsweep.optuna import LitsweepSampler

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(-5, 5)}


def study(seed: int = 0, space: dict[str, BaseDistribution] | None = None, **keys: object) -> optuna.Study:
    return optuna.create_study(sampler=LitsweepSampler(space, seed), **keys)  # type: ignore[arg-type]


def mixed(trial: optuna.Trial) -> float:
    """The minimum is 0 at x = 2, lr = 1e-3, k = 16, s = 0.3, optimizer = sgd with momentum 0.9."""
    value = (trial.suggest_float("x", -5, 5) - 2) ** 2
    value += (math.log10(trial.suggest_float("lr", 1e-5, 1e-1, log=True)) + 3) ** 2
    value += 0.3 * (math.log2(trial.suggest_int("k", 1, 128, log=True)) - 4) ** 2
    value += 5 * (trial.suggest_float("s", 0.0, 1.0, step=0.1) - 0.3) ** 2
    if trial.suggest_categorical("optimizer", ["adam", "sgd"]) == "sgd":
        return value + 10 * (trial.suggest_float("momentum", 0.0, 1.0) - 0.9) ** 2
    return value + 1 + trial.suggest_int("warmup", 0, 10, step=2)


def test_it_beats_random_search_on_a_mixed_space_with_branches() -> None:
    ours = study(1)
    ours.optimize(mixed, n_trials=30)
    random = [optuna.create_study(sampler=optuna.samplers.RandomSampler(seed)) for seed in range(10)]
    for one in random:
        one.optimize(mixed, n_trials=30)
    assert ours.best_value < min(one.best_value for one in random)
    reason = ours.trials[-1].system_attrs["litsweep:reason"]
    assert json.loads(json.dumps(reason))["method"] == "bayes"


def test_branches_are_learned() -> None:
    ours = study()
    ours.optimize(mixed, n_trials=14)
    sampled = [trial.system_attrs["litsweep:sampled"] for trial in ours.trials[8:]]
    assert sampled == [trial.params for trial in ours.trials[8:]]


@pytest.mark.parametrize("method", ["optimize", "ask"])
def test_the_same_seed_and_trials_give_the_same_suggestions(method: str) -> None:
    def configs(seed: int) -> list[dict[str, object]]:
        one = study(seed)
        if method == "optimize":
            one.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2, n_trials=8)
        else:
            trials = [one.ask(SPACE) for _ in range(3)]
            one.tell(trials[1], 1.0)
            one.ask(SPACE)
        return [trial.params for trial in one.trials]

    assert configs(3) == configs(3)
    assert configs(3) != configs(4)


def test_a_known_space_gives_what_the_controller_gives() -> None:
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {
            "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1},
            "x": {"min": 0.0, "max": 1.0},
        },
    }
    controller = Controller(parse_sweep(config), seed=5)
    one = study(5, {"x": FloatDistribution(0, 1), "lr": FloatDistribution(1e-4, 0.1, log=True)})
    for _ in range(8):
        (suggestion,) = controller.ask()
        trial = one.ask({"x": FloatDistribution(0, 1), "lr": FloatDistribution(1e-4, 0.1, log=True)})
        assert trial.params == suggestion.parameters
        value = trial.params["x"] + trial.params["lr"]
        controller.tell(suggestion.id, [{"loss": value}], "finished")
        one.tell(trial, value)


def test_trials_asked_for_side_by_side_keep_apart() -> None:
    one = study(space=SPACE)
    one.optimize(lambda trial: trial.suggest_float("x", -5, 5) ** 2 + trial.suggest_float("y", -5, 5) ** 2, 6)
    asked = [one.ask(SPACE).params for _ in range(4)]
    assert min(math.dist(a.values(), b.values()) for a, b in itertools.combinations(asked, 2)) > 0.05


def test_threads_get_different_configs() -> None:
    one = study()
    one.optimize(lambda trial: float(trial.suggest_int("k", 0, 9)), n_trials=10, n_jobs=4)
    ended = [trial.params["k"] for trial in one.trials if "litsweep:sampled" in trial.system_attrs]
    assert len(set(ended)) == len(ended)


TWELVE: dict[str, BaseDistribution] = {
    "a": CategoricalDistribution([None, False, "x"]),
    "b": IntDistribution(1, 4),
}


@pytest.mark.parametrize("space", [None, TWELVE])
def test_a_space_of_twelve_is_tried_through_and_the_study_stops(
    space: dict[str, BaseDistribution] | None,
) -> None:
    def objective(trial: optuna.Trial) -> float:
        a = trial.suggest_categorical("a", [None, False, "x"])
        return trial.suggest_int("b", 1, 4) + (a is None)

    one = study(space=space)
    one.optimize(objective, n_trials=100)
    assert len(one.trials) == 12
    assert len({(trial.params["a"], trial.params["b"]) for trial in one.trials}) == 12


@pytest.mark.parametrize("space", [None, TWELVE])
def test_threads_and_later_loops_repeat_no_config(space: dict[str, BaseDistribution] | None) -> None:
    def objective(trial: optuna.Trial) -> float:
        time.sleep(0.01)
        a = trial.suggest_categorical("a", [None, False, "x"])
        return trial.suggest_int("b", 1, 4) + (a is None)

    one = study(space=space)
    one.optimize(objective, n_trials=1)
    for n_jobs in (3, 1, 2):
        one.optimize(objective, n_trials=100, n_jobs=n_jobs)
    done = [trial.params for trial in one.trials if trial.state is TrialState.COMPLETE]
    assert len(done) == len({(params["a"], params["b"]) for params in done}) == 12
    refused = [trial for trial in one.trials if trial.state is not TrialState.COMPLETE]
    assert [(trial.state, trial.params) for trial in refused] == [(TrialState.PRUNED, {})] * len(refused)


def test_constants_make_a_space_of_one() -> None:
    one = study()
    one.optimize(lambda trial: trial.suggest_int("c", 3, 3), n_trials=5)
    assert [trial.params for trial in one.trials] == [{"c": 3}]


def test_a_reason_where_every_trial_fails() -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        raise ValueError

    one = study()
    one.optimize(objective, n_trials=3, catch=ValueError)
    assert [trial.system_attrs["litsweep:reason"] for trial in one.trials] == [{"method": "random"}] * 3


def test_exhaustion_with_ask_and_tell_counts_running_trials_and_asking_on_repeats_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sampler = LitsweepSampler(TWELVE, 0)
    one = optuna.create_study(sampler=sampler)
    assert not sampler.is_exhausted(one)
    for count in range(12):
        assert not sampler.is_exhausted(one)
        trial = one.ask(TWELVE)
        if count % 2:
            one.tell(trial, count)
    assert sampler.is_exhausted(one)
    optuna.logging.enable_propagation()
    extra = one.ask(TWELVE)
    assert "every config of the space has been tried" in caplog.text
    assert one.trials[-1].system_attrs["litsweep:reason"]["method"] == "random"
    one.tell(extra, 1.0)


@pytest.mark.parametrize(
    "choices", [[False, True], [0, 1, 2], [None, 0, 1], [0.0, "0"], [True, None, ""], [16, 32, 64]]
)
def test_choices_keep_value_and_type(choices: list[bool | int | float | str | None]) -> None:
    one = study()
    one.optimize(lambda trial: repr(trial.suggest_categorical("c", choices)) == repr(choices[0]), 20)
    assert sorted(repr(trial.params["c"]) for trial in one.trials) == sorted(map(repr, choices))


def test_choices_that_optuna_cannot_tell_apart_are_one() -> None:
    one = study()
    one.optimize(lambda trial: trial.suggest_categorical("c", [False, 0, None, 1, True]) is None, 20)
    assert [trial.params["c"] for trial in one.trials if trial.params["c"] is None] == [None]
    assert len(one.trials) == 3


def test_failures_teach_where_not_to_go() -> None:
    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
        if x > 0:
            raise RuntimeError("out of memory")
        return -x + y**2 if y > -4 else math.nan

    one = study()
    one.optimize(objective, n_trials=22, catch=RuntimeError)
    late = [trial.state for trial in one.trials[12:]]
    assert late.count(TrialState.FAIL) <= 4
    assert "success_probability" in one.trials[-1].system_attrs["litsweep:reason"]


def test_pruned_trials_count_with_their_curve() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -5, 5)
        for step in range(9):
            trial.report((x - 1) ** 2 + 1 / (step + 1), step)
            if step == 2 and trial.number % 2:
                raise optuna.TrialPruned
        return (x - 1) ** 2

    one = study()
    one.optimize(objective, n_trials=16)
    assert [trial.state for trial in one.trials].count(TrialState.PRUNED) == 8
    assert one.trials[-1].system_attrs["litsweep:reason"]["runs_used"] == 15
    assert one.best_value < 0.05


def test_optunas_own_pruners_work_with_it() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -5, 5)
        for step in range(1, 10):
            trial.report(x**2 + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x**2

    one = study(pruner=optuna.pruners.HyperbandPruner(max_resource=9))
    one.optimize(objective, n_trials=12)
    assert len(one.trials) == 12


def test_several_objectives_give_a_front() -> None:
    one = study(space=SPACE, directions=["minimize", "maximize"])

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
        return x**2 + y**2, -((x - 1) ** 2) - y**2

    one.optimize(objective, n_trials=8)
    assert one.trials[-1].system_attrs["litsweep:reason"]["method"] == "bayes"
    assert len(one.best_trials) >= 1


def test_enqueued_and_added_trials_are_learned_from() -> None:
    one = study()
    for x in (-4.0, -1.0, 0.5, 2.0, 4.0):
        distributions: dict[str, BaseDistribution] = {"x": FloatDistribution(-5, 5, step=0.1)}
        one.add_trial(create_trial(params={"x": x}, distributions=distributions, value=(x - 1) ** 2))
    one.enqueue_trial({"x": 1.4})
    one.optimize(lambda trial: (trial.suggest_float("x", -5, 5, step=0.1) - 1) ** 2, n_trials=4)
    assert one.trials[5].params == {"x": 1.4}
    assert "litsweep:reason" not in one.trials[5].system_attrs
    assert one.trials[6].system_attrs["litsweep:reason"]["runs_used"] == 6
    assert one.best_value < 0.02


def test_a_study_in_a_database_continues_in_another_process_with_the_same_suggestions(tmp_path: Path) -> None:
    def configs(url: str | None, parts: tuple[int, ...]) -> list[dict[str, object]]:
        for n in parts:
            one = study(storage=url, study_name="s", load_if_exists=True)
            one.optimize(
                lambda trial: trial.suggest_float("x", 0, 1, step=0.25) ** 2 + trial.suggest_int("k", 1, 9), n
            )
        return [trial.params for trial in one.trials]  # fmt: skip

    assert configs(f"sqlite:///{tmp_path}/a.db", (4, 3)) == configs(None, (7,))


def test_it_can_be_pickled() -> None:
    one = study(7)
    one.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    again = optuna.create_study(sampler=pickle.loads(pickle.dumps(one.sampler)))
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert [trial.params for trial in again.trials] == [trial.params for trial in one.trials]


@pytest.mark.parametrize("seed", ["a", 0.5, -1])
def test_what_is_no_seed_is_refused_at_once(seed: Any) -> None:
    with pytest.raises(ValueError, match=rf"^seed: must be an integer of at least 0, got {seed!r}; write"):
        LitsweepSampler(seed=seed)


def test_a_search_space_of_anything_else_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"search_space\['x'\]: must be a distribution, got \(0, 1\); write one of"
    ):
        LitsweepSampler({"x": (0, 1)})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"search_space: must be a mapping, got \['x'\]; write a mapping"):
        LitsweepSampler(["x"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"typo": FloatDistribution(0, 1)},
        {"optimizer": CategoricalDistribution(["sgd", "adam"])},
        {"momentum": FloatDistribution(0, 1)},
    ],
    ids=["nothing", "typo", "a part", "a branch"],
)
def test_what_the_search_space_does_not_name_is_learned(declared: dict[str, Any]) -> None:
    def objective(trial: optuna.Trial) -> float:
        is_sgd = trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd"
        rate = trial.suggest_float("lr", 0, 1)
        return (rate - 0.3) ** 2 + (abs(trial.suggest_float("momentum", 0, 1) - 0.9) if is_sgd else 0.1)

    one = optuna.create_study(sampler=LitsweepSampler(declared, seed=0))
    one.optimize(objective, n_trials=10)
    assert len(one.trials) == 10
    assert one.trials[-1].system_attrs["litsweep:reason"]["method"] == "bayes"


def test_a_study_without_parameters_is_left_alone() -> None:
    one = study()
    one.optimize(lambda trial: trial.number, n_trials=3)
    assert len(one.trials) == 3


def test_ranges_that_vary_are_sampled_within_their_bounds() -> None:
    def objective(trial: optuna.Trial) -> float:
        n = trial.suggest_int("n", 1, 9)
        return n + trial.suggest_int("m", 0, n)

    one = study()
    one.optimize(objective, n_trials=8)
    assert all(trial.params["m"] <= trial.params["n"] for trial in one.trials)
