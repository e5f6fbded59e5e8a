"""The sampler and the stock scheduler's search learn from earlier studies and sweeps."""

import json
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
import wandb
import yaml
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial
from wandb.sdk.sweeps.run_state import RunState
from wandb.sdk.sweeps.scheduler.optimizer import RunWithMetrics
from wandb.sdk.sweeps.scheduler.optuna import OptunaOptimizer, build_optuna_optimizer
from wandb.sdk.sweeps.sweep_info import SweepInfo

from litsweep import Controller, EarlierSweep, parse_sweep
from litsweep.cli import main
from litsweep.errors import LitsweepError
from litsweep.optuna import LitsweepSampler
from litsweep.optuna.wandb_sweeps import earlier_sweeps
from tests import stock_service
from tests.live_server import LiveServer
from tests.server.operations import CREATE_AGENT, HEARTBEAT, UPSERT_RUN, UPSERT_SWEEP

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(0, 10)}
CONFIG: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"min": -5.0, "max": 5.0}, "y": {"min": 0.0, "max": 10.0}},
}


def loss(x: float, y: float) -> float:
    return (x - 2) ** 2 + 0.3 * (y - 7) ** 2


def objective(trial: optuna.Trial) -> float:
    return loss(trial.suggest_float("x", -5, 5), trial.suggest_float("y", 0, 10))


@pytest.fixture(scope="module")
def before() -> optuna.Study:
    """An earlier study whose best trials are near x = 2, y = 7."""
    grid = optuna.samplers.GridSampler({"x": [-4, -2, 0, 2, 4], "y": [1, 3, 5, 7, 9]})
    study = optuna.create_study(study_name="before", sampler=grid)
    study.optimize(objective)
    return study


def first_trial(
    sampler: LitsweepSampler, function: Any, direction: Literal["minimize", "maximize"] = "minimize"
) -> FrozenTrial:
    study = optuna.create_study(sampler=sampler, direction=direction)
    study.optimize(function, n_trials=1)
    return study.trials[0]


@pytest.mark.parametrize("space", [None, SPACE])
def test_the_first_trial_is_near_the_best_of_an_earlier_study(
    before: optuna.Study, space: dict[str, BaseDistribution] | None
) -> None:
    trial = first_trial(LitsweepSampler(space, seed=0, earlier=[before]), objective)
    assert loss(**trial.params) < 2
    assert trial.system_attrs["litsweep:reason"] == {"method": "earlier sweeps", "sweeps": ["before"]}


def test_the_model_uses_the_earlier_study_where_the_space_has_changed(before: optuna.Study) -> None:
    def changed(trial: optuna.Trial) -> float:
        x, more = trial.suggest_float("x", -8, 4), trial.suggest_categorical("more", ["a", "b"])
        return loss(x, 7) + 0.1 * (more == "b") + 0.1 * trial.suggest_float("other", 0, 1)

    study = optuna.create_study(sampler=LitsweepSampler(seed=0, earlier=[before]))
    study.optimize(changed, n_trials=6)
    assert abs(study.trials[0].params["x"] - 2) < 1
    assert any("before" in trial.system_attrs["litsweep:reason"].get("earlier", {}) for trial in study.trials)


@pytest.mark.parametrize("kind", ["int", "choices", "out of range"])
def test_a_parameter_of_another_kind_is_drawn_at_random(before: optuna.Study, kind: str) -> None:
    def changed(trial: optuna.Trial) -> float:
        if kind == "int":
            x: float = trial.suggest_int("x", -5, 5)
        elif kind == "choices":
            x = trial.suggest_categorical("x", [-1, 1])
        else:
            x = trial.suggest_float("x", 20.0, 30.0)
        return x + abs(trial.suggest_float("y", 0, 10) - 7)

    trial = first_trial(LitsweepSampler(seed=0, earlier=[before]), changed)
    assert abs(trial.params["y"] - 7) < 2


def test_a_litsweep_sweep_is_one_too_whatever_its_metric_is_called() -> None:
    metric = {"name": "val_acc", "goal": "maximize"}
    search = Controller(parse_sweep({**CONFIG, "method": "random", "metric": metric}), seed=3)
    for run in search.ask(16):
        x, y = run.parameters["x"], run.parameters["y"]
        assert isinstance(x, float) and isinstance(y, float)
        search.tell(run.id, [{"val_acc": -loss(x, y)}], "finished")
    earlier = EarlierSweep(search.config, search.runs, "digits")
    found = first_trial(
        LitsweepSampler(seed=0, earlier=[earlier]), lambda trial: -objective(trial), "maximize"
    )
    assert loss(**found.params) < 3
    assert found.system_attrs["litsweep:reason"]["sweeps"] == ["digits"]


def test_an_earlier_study_that_cannot_help_is_named_once(
    before: optuna.Study, caplog: pytest.LogCaptureFixture
) -> None:
    few, other = optuna.create_study(), optuna.create_study()
    few.optimize(objective, n_trials=4)
    other.optimize(lambda trial: trial.suggest_float("z", 0, 1), n_trials=6)
    study = optuna.create_study(
        direction="maximize", sampler=LitsweepSampler(seed=0, earlier=[before, few, other])
    )
    with caplog.at_level(logging.WARNING, "optuna.litsweep"):
        study.optimize(objective, n_trials=3)
    assert study.trials[0].system_attrs["litsweep:reason"]["method"] == "random"
    (said,) = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert "3 of 3 earlier studies are not used" in said and "direction" in said


def test_what_is_no_study_is_refused(before: optuna.Study) -> None:
    with pytest.raises(TypeError, match=r"earlier: must be a list of studies, got .*earlier=\[study\]"):
        LitsweepSampler(earlier=before)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"earlier\[1\]: must be a Study or an EarlierSweep, got the text 'digits'"
    ):
        LitsweepSampler(earlier=[before, "digits"])  # type: ignore[list-item]


def test_a_pickled_sampler_goes_on_alike(before: optuna.Study) -> None:
    sampler = LitsweepSampler(SPACE, seed=0, earlier=[before])
    first_trial(sampler, objective)
    again = pickle.loads(pickle.dumps(sampler))
    assert first_trial(again, objective).params == first_trial(sampler, objective).params


@pytest.fixture(scope="module")
def client(module_env: dict[str, str]) -> Iterator[None]:
    """Let the stock client of this process talk to the server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in module_env.items():
            patch.setenv(name, value)
        yield
        stock_service.teardown()


@pytest.fixture(scope="module")
def earlier(module_server: LiveServer) -> EarlierSweep:
    """A sweep of the server's project: its eight runs that have ended, without one that goes on."""
    id = create(module_server, {**CONFIG, "method": "random", "litsweep": {"seed": 1}})
    agent = module_server.graphql(CREATE_AGENT, sweep=id)["createAgent"]["agent"]["id"]
    known = Controller(parse_sweep(CONFIG))
    for index in range(9):
        (command,) = json.loads(module_server.graphql(HEARTBEAT, id=agent)["agentHeartbeat"]["commands"])
        run, home = command["run_id"], {"project": "p", "entity": "local", "sweep": id}
        module_server.graphql(UPSERT_RUN, name=run, config=json.dumps(command["args"]), **home)
        values = {name: entry["value"] for name, entry in command["args"].items()}
        rows = [{"loss": loss(**values)}, {"loss": loss(**values) + 1}]
        if index < 8:
            end(module_server, run, rows)
            known.add(values, rows, id=run)
    time.sleep(1.1)  # W&B's times are in seconds
    return EarlierSweep(known.config, known.runs, id)


def create(server: LiveServer, config: dict[str, Any]) -> str:
    return str(server.graphql(UPSERT_SWEEP, config=yaml.dump(config))["upsertSweep"]["sweep"]["name"])


def end(server: LiveServer, run: str, rows: list[dict[str, float]]) -> None:
    content = [json.dumps({**row, "_step": step, "_timestamp": 1.7e9}) for step, row in enumerate(rows)]
    files = {"wandb-history.jsonl": {"offset": 0, "content": content}}
    server.post(f"/files/local/p/{run}/file_stream", {"files": files, "complete": True, "exitcode": 0})


@pytest.fixture
def scheduled(
    client: None, module_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Any]], OptunaOptimizer]:
    """Return the optimizer of the stock scheduler for a new sweep with a section `litsweep:`."""

    def build(section: dict[str, Any]) -> OptunaOptimizer:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "train.py").touch()
        (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**CONFIG, "litsweep": section}))
        assert main(["scheduler", "sweep.yaml"]) == 0
        made = yaml.safe_load((tmp_path / "sweep_scheduler.yaml").read_text())
        created = {key: value for key, value in made.items() if key != "litsweep"}  # as W&B's cloud
        id = create(module_server, created)
        return build_optuna_optimizer(SweepInfo(id, "name", "local", "p", created, "controller"))

    return build


def test_the_stock_scheduler_learns_from_the_earlier_sweeps_of_its_project(
    scheduled: Callable[[dict[str, Any]], OptunaOptimizer], earlier: EarlierSweep
) -> None:
    optimizer = scheduled({"seed": 5})
    controller = Controller(parse_sweep(CONFIG), seed=5, earlier=[earlier])
    reasons = []
    for _ in range(5):
        (suggestion,), (expected,) = optimizer.ask_n_runs(1), controller.ask()
        assert suggestion.config.flat_dict() == expected.parameters
        row = {"loss": loss(**expected.parameters)}  # type: ignore[arg-type]
        done = RunWithMetrics(suggestion.config, RunState.FINISHED, "id", row, [{"_step": 0, **row}])
        optimizer.tell_run(suggestion.run_id, done)
        controller.tell(expected.id, [row], "finished")
        reasons.append(expected.reason.to_json())
    assert reasons[0] == {"method": "earlier sweeps", "sweeps": [earlier.name]}
    assert "earlier" in reasons[-1]


def test_transfer_and_prior_count_with_the_stock_scheduler(
    scheduled: Callable[[dict[str, Any]], OptunaOptimizer], earlier: EarlierSweep
) -> None:
    def first(section: dict[str, Any]) -> tuple[dict[str, Any], str]:
        optimizer = scheduled({"seed": 5} | section)
        (suggestion,) = optimizer.ask_n_runs(1)
        reason = optimizer.study.trials[0].system_attrs["litsweep:reason"]["method"]
        return suggestion.config.flat_dict(), reason

    assert first({"transfer": "off"})[1] == "initial design"
    assert first({"transfer": [earlier.name]})[1] == "earlier sweeps"
    config, reason = first({"transfer": "off", "prior": {"x": {"best_guess": 3.5, "confidence": "high"}}})
    assert (config["x"], reason) == (pytest.approx(3.5), "initial design")
    with pytest.raises(wandb.Error, match=r"litsweep.transfer: no such sweep in project local/p: nothing1"):
        scheduled({"transfer": ["nothing1"]})


class RefusesSweeps(BaseHTTPRequestHandler):
    """A server that has the project, and answers queries for its sweeps with an error."""

    def do_POST(self) -> None:
        refuses = b"sweeps" in self.rfile.read(int(self.headers["Content-Length"]))
        viewer = {"id": "u", "entity": "e", "username": "e", "flags": "{}", "teams": {"edges": []}}
        project = {"id": "1", "name": "p", "entityName": "e", "createdAt": "2026-01-01", "isBenchmark": False}
        server: dict[str, Any] = {"features": [], "cliVersionInfo": {}, "latestLocalVersionInfo": None}
        data = {"data": {"viewer": viewer, "serverInfo": server, "project": project}}
        answer = json.dumps({"errors": [{"message": "no such field"}]} if refuses else data).encode()
        self.send_response(400 if refuses else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_that_refuses_the_query_is_an_error_in_one_line(
    client: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's error is of a private class, which is not a wandb.Error."""
    with HTTPServer(("127.0.0.1", 0), RefusesSweeps) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(LitsweepError, match=r"cannot list the sweeps of e/p: .*no such field"):
            earlier_sweeps(parse_sweep(CONFIG), "e", "p", "s")
        server.shutdown()
