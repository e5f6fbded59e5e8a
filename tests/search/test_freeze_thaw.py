"""Freeze-thaw: which runs start, pause, resume and are given up, and when the sweep ends."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from litsweep import Controller, parse_sweep
from litsweep.search.bayes.kernels import Matern
from litsweep.search.bayes.resumption import StageValues
from litsweep.search.bayes.surrogate import GaussianProcess, Hyperparameters, Inputs
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw, PauseReason
from litsweep.sweep.reasons import DesignReason, ModelReason, ResumeReason, reason_from_json
from litsweep.sweep.run import Run, Suggestion

LENGTH = 20
SPACE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}


def controller(seed: int = 0, parameters: Mapping[str, Any] = SPACE, **keys: Any) -> Controller:
    config = {"method": "bayes", "metric": {"name": "loss"}, "parameters": parameters, **keys}
    rule = {"early_terminate": {"type": "freeze_thaw", "max_iter": LENGTH}}
    return Controller(parse_sweep({**config, "litsweep": rule}), seed)


def curve(parameters: Mapping[str, Any], end: int) -> list[dict[str, float]]:
    """A training of a config: its loss falls to a level, at its own speed."""
    level = (parameters["x"] - 0.3) ** 2 + (parameters["y"] - 0.6) ** 2
    return [{"loss": level + (0.5 + parameters["x"]) / n} for n in range(1, end + 1)]


def train(search: Controller, suggestion: Suggestion) -> None:
    """Train a suggestion to where it is paused, or to the end."""
    end = suggestion.reason.train_to or LENGTH
    search.tell(suggestion.id, curve(suggestion.parameters, end))
    due = [decision for decision in search.runs_to_stop() if decision == suggestion.id]
    search.tell(suggestion.id, state="preempted" if due else "finished")


def play(search: Controller, decisions: int) -> list[Suggestion]:
    made = []
    for _ in range(decisions):
        (suggestion,) = search.ask()
        train(search, suggestion)
        made.append(suggestion)
    return made


@pytest.fixture(scope="module")
def played() -> tuple[Controller, list[Suggestion]]:
    """A sweep after 32 decisions; tests do not change it."""
    search = controller()
    return search, play(search, 32)


def replayed(search: Controller) -> Controller:
    """A new controller that is given the runs of another, as after a restart of the server."""
    copy = controller()
    for run in search.runs:
        reason = ResumeReason(resumed_at=1, train_to=run.train_to, training=run.training)
        copy.add(run.parameters, run.history, run.state, run.id, reason=reason)
    return copy


# --- The rule ---


@pytest.mark.parametrize(
    ("length", "first", "rungs"),
    [
        (52, 3, (9, 26, 52)),
        (20, 1, (3, 10, 20)),
        (200, 12, (33, 100, 200)),
        (3, 1, (1, 2, 3)),
        (6, 1, (1, 3, 6)),
    ],
)
def test_rungs_are_at_a_sixth_and_a_half(length: int, first: int, rungs: tuple[int, ...]) -> None:
    rule = FreezeThaw(length)
    assert (rule.first_length, rule.rungs) == (first, rungs)


# --- Suggestions ---


def test_a_sweep_starts_with_short_runs_that_are_paused(played: tuple[Controller, list[Suggestion]]) -> None:
    start = played[1][:12]
    assert {type(suggestion.reason) for suggestion in start} == {DesignReason}
    assert {suggestion.reason.train_to for suggestion in start} == {1}
    assert start[0].reason.training == "trained to 1 of 20: initial design"


def test_later_it_explores_goes_on_and_finishes_runs(played: tuple[Controller, list[Suggestion]]) -> None:
    search, made = played
    later = made[12:]
    explored = [each for each in later if each.reason.training == "trained to 3 of 20: exploring"]
    resumed = [each for each in later if each.is_resumed]
    assert explored
    assert resumed
    assert all(isinstance(each.reason, ModelReason) and each.reason.train_to == 3 for each in explored)
    assert all(isinstance(each.reason, ResumeReason) for each in resumed)
    assert all("expected improvement per iteration" in each.reason.brief for each in resumed)
    assert any(run.state is RunState.FINISHED and len(run.history) == LENGTH for run in search.runs)
    assert {each.reason.train_to for each in later} <= {3, 10, None}


def test_a_resumed_suggestion_is_the_paused_run(played: tuple[Controller, list[Suggestion]]) -> None:
    search, made = played
    for suggestion in made:
        earlier = [each for each in made[: made.index(suggestion)] if each.id == suggestion.id]
        assert suggestion.is_resumed == bool(earlier)
        for before in earlier:
            assert dict(before.parameters) == dict(suggestion.parameters)
            assert before.reason.train_to is not None
            assert before.reason.train_to < (suggestion.reason.train_to or LENGTH)
    assert len(search.runs) == len({suggestion.id for suggestion in made}) < len(made)


def test_reasons_are_stored_and_read_back(played: tuple[Controller, list[Suggestion]]) -> None:
    for suggestion in played[1]:
        assert reason_from_json(suggestion.reason.to_json()) == suggestion.reason


def test_the_same_runs_give_the_same_suggestions_also_after_a_restart(
    played: tuple[Controller, list[Suggestion]],
) -> None:
    search, made = played
    again = controller()
    assert play(again, 16) == made[:16]
    assert [run.state for run in search.runs].count(RunState.PREEMPTED) > 3
    one, other = replayed(search), replayed(search)
    assert one.ask(3) == [*other.ask(1), *other.ask(2)]
    assert one.runs_to_give_up() == other.runs_to_give_up()


def test_runs_in_flight_leave_the_pool() -> None:
    search = controller()
    play(search, 14)
    flying = search.ask(8)
    assert len({suggestion.id for suggestion in flying}) == len(flying) == 8
    assert all(run.state is RunState.RUNNING for run in search.runs if run.id in {f.id for f in flying})
    new = [suggestion.parameters for suggestion in flying if not suggestion.is_resumed]
    assert len({tuple(parameters.items()) for parameters in new}) == len(new)


def test_withdrawing_a_resumed_suggestion_pauses_the_run_again(
    played: tuple[Controller, list[Suggestion]],
) -> None:
    search = replayed(played[0])
    before = search.runs
    suggestions = search.ask(6)
    assert any(suggestion.is_resumed for suggestion in suggestions)
    search.withdraw([suggestion.id for suggestion in suggestions])
    assert search.runs == before
    assert search.ask(6) == suggestions


def test_an_interrupted_run_is_in_flight_and_not_resumed() -> None:
    search = controller()
    play(search, 14)
    (cut,) = search.ask()
    search.tell(cut.id, curve(cut.parameters, 1), state="preempted")
    assert cut.reason.train_to != 1
    assert all(suggestion.id != cut.id for suggestion in search.ask(20))
    assert cut.id not in search.runs_to_give_up()


# --- Pauses, the best run, and the end ---


def test_a_run_is_paused_at_its_iteration_and_says_why() -> None:
    search = controller()
    play(search, 12)
    (suggestion,) = search.ask()
    end = suggestion.reason.train_to
    assert end is not None
    search.tell(suggestion.id, curve(suggestion.parameters, end - 1))
    assert search.runs_to_stop() == []
    search.tell(suggestion.id, curve(suggestion.parameters, end))
    (decision,) = search.runs_to_stop()
    assert (decision.id, decision.is_pause) == (suggestion.id, True)
    assert isinstance(decision.reason, PauseReason)
    assert decision.reason.brief.startswith(f"paused at {end} of {LENGTH} with ")
    assert suggestion.reason.training
    assert suggestion.reason.training in decision.reason.brief
    assert reason_from_json(decision.reason.to_json()) == decision.reason
    search.tell(suggestion.id, state="preempted")
    assert search.runs_to_stop() == []


def test_the_best_run_may_be_paused() -> None:
    search = controller()
    for suggestion in search.ask(3):
        train(search, suggestion)
    best = search.best()
    assert best is not None
    assert best.state is RunState.PREEMPTED
    assert search.objective(best.id) == min(filter(None, (search.objective(run.id) for run in search.runs)))


@pytest.mark.parametrize(
    "keys", [{"run_cap": 14}, {"parameters": {"x": {"values": [0.1, 0.3]}, "y": {"values": [0.5, 0.6, 0.7]}}}]
)
def test_without_new_configs_the_promising_runs_go_on_and_then_the_sweep_ends(keys: dict[str, Any]) -> None:
    search = controller(**keys)
    made: list[Suggestion] = []
    while search.done_because is None:
        made += play(search, 1)
        assert len(made) < 60
    expected, size = ("run_cap", 14) if "run_cap" in keys else ("exhausted", 6)
    assert (search.done_because, len(search.runs)) == (expected, size)
    best = search.best()
    assert best is not None
    assert (best.state, len(best.history)) == (RunState.FINISHED, LENGTH)
    assert search.ask() == []


def test_at_the_cap_a_sweep_waits_for_the_running_runs_that_may_go_on() -> None:
    search = controller(run_cap=2)
    one, other = search.ask(2)
    assert search.ask() == []
    assert search.done_because is None
    train(search, one)
    (suggestion,) = search.ask()
    assert (suggestion.id, suggestion.reason.train_to) == (one.id, None)
    assert suggestion.reason.training == "resumed at 1 of 20, trains to the end: it is the best so far"
    search.tell(other.id, state="failed")
    train(search, suggestion)
    assert search.done_because == "run_cap"


def test_a_target_ends_the_sweep_with_paused_runs() -> None:
    search = controller(metric={"name": "loss", "target": 10.0})
    play(search, 1)
    assert search.done_because == "target"


def test_runs_without_a_chance_are_given_up_and_never_the_best(
    played: tuple[Controller, list[Suggestion]],
) -> None:
    search = replayed(played[0])
    given_up, best = search.runs_to_give_up(), search.best()
    assert best is not None
    paused = {run.id: run for run in search.runs if run.state is RunState.PREEMPTED}
    assert given_up
    assert set(given_up) <= set(paused) - {best.id}
    assert len(given_up) < len(paused)
    for id in given_up:
        search.tell(id, state="finished", stopped_early=True)
    assert not set(given_up) & {suggestion.id for suggestion in search.ask(10)}


# --- The value of training on ---


def stages(targets: list[float]) -> StageValues:
    """A process over one parameter and the budget, with targets at x = .2 and .8 after 9 of 52 epochs."""
    inputs = Inputs(torch.tensor([False, False]), ())
    theta = Hyperparameters(
        torch.tensor([-1.0, 0.5]).double(),
        torch.zeros(2).double(),
        torch.zeros(2).double(),
        torch.tensor([-6.0]).double(),
        torch.zeros(1).double(),
        torch.ones(1).double(),
    )
    budget = float(torch.log1p(torch.tensor(9.0)) / torch.log1p(torch.tensor(52.0)))
    x = torch.tensor([[0.2, budget], [0.8, budget]]).double()
    process = GaussianProcess(x, torch.tensor(targets).double(), theta.noise, theta, inputs, Matern())
    return StageValues(process, (9, 26, 52))


def test_the_better_of_two_paused_runs_is_worth_more() -> None:
    better, worse = stages([1.0, -1.0]).best(torch.tensor([[0.2], [0.8]]).double(), [9, 9])
    assert better.value > worse.value > 0
    assert {better.rung, worse.rung} <= {26, 52}


def test_fewer_iterations_to_go_are_worth_more_and_a_stage_is_ahead() -> None:
    x = torch.tensor([[0.2], [0.2]]).double()
    near, far = stages([1.0, -1.0]).best(x, [40, 0])
    assert near.value > far.value
    assert near.rung == 52


def test_of_very_many_configs_the_most_promising_are_compared() -> None:
    x = torch.linspace(0, 1, 300, dtype=torch.double).unsqueeze(-1)
    found = stages([1.0, -1.0]).best(x, [9] * 300)
    compared = [i for i, stage in enumerate(found) if stage.value > 0]
    assert len(compared) == 128
    assert max(range(300), key=lambda i: found[i].value) in compared
    (alone,) = stages([1.0, -1.0]).best(x[compared[3:4]], [9])
    assert alone.value == pytest.approx(found[compared[3]].value)
    assert alone.rung == found[compared[3]].rung


def test_a_stop_on_the_way_is_worth_as_much_as_simulation_says() -> None:
    found = stages([0.5, -0.5])
    x = torch.tensor([[0.4]]).double()
    value = found._values(x, torch.tensor([0.0]).double(), 26).item()
    points = torch.cat([found._at(x, 26), found._at(x, 52)])
    mean, covariance = found._process.joint(points)
    noise = found._process.noise.item()
    seen_variance = covariance[0, 0] + noise
    z = torch.randn(400_000, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    seen = mean[0] + seen_variance.sqrt() * z
    later = mean[1] + covariance[0, 1] / seen_variance * (seen - mean[0])
    deviation = (covariance[1, 1] - covariance[0, 1] ** 2 / seen_variance).sqrt()
    u = (later - 0.5) / deviation
    improvement = deviation * (torch.exp(-u * u / 2) / (2 * torch.pi) ** 0.5 + u * torch.special.ndtr(u))
    ordered = improvement.sort(descending=True).values.cumsum(0) / len(z)
    share = torch.arange(1, len(z) + 1, dtype=torch.double) / len(z)
    assert value == pytest.approx((ordered / (26 + 26 * share)).max().item(), rel=0.05)


def test_a_preempted_prior_run_is_not_resumed() -> None:
    search = controller()
    reason = DesignReason(train_to=1)
    search.add(
        {"x": 0.5, "y": 0.5}, curve({"x": 0.5, "y": 0.5}, 1), "preempted", is_prior=True, reason=reason
    )
    (run,) = search.runs
    assert run == Run(run.id, run.parameters, RunState.PREEMPTED, run.history, is_prior=True)
