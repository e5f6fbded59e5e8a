"""A sweep with runs gets another config: what its earlier runs teach, what it refuses, and its versions."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from litsweep.server import dispatch
from litsweep.server.backend import Backend
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.monitor import Monitor
from litsweep.server.store import runs, sweeps
from tests.server.conftest import GraphQL, Stream
from tests.server.operations import ENQUEUE_RUN, UPSERT_RUN, UPSERT_SWEEP
from tests.server.test_dispatch import Sweep

Change = Callable[[dict[str, Any]], object]

START: dict[str, Any] = {
    "program": "train.py",
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "run_cap": 40,
    "parameters": {
        "lr": {"min": 0.1, "max": 0.2},
        "kind": {"values": ["a", "b", "c"]},
        "depth": {"value": 3},
    },
    "litsweep": {"seed": 1},
}
BAYES = {**START, "method": "bayes"}
N = 8
"""The runs before the edit."""


def changed(config: dict[str, Any], change: Change) -> dict[str, Any]:
    new = copy.deepcopy(config)
    change(new)
    return new


class Edited:
    """A sweep whose config changes after its first runs."""

    def __init__(self, backend: Backend, graphql: GraphQL, stream: Stream, config: dict[str, Any]) -> None:
        self.backend, self.graphql = backend, graphql
        self.sweep = Sweep(graphql, stream, config)
        self.agent = self.sweep.agent()

    def advance(self, n: int = 1, **recorded: object) -> dict[str, Any]:
        """Execute `n` runs. `recorded` is what the program adds to its config. Return the last config."""
        args: dict[str, Any] = {}
        for _ in range(n):
            (command,) = self.sweep.beat(self.agent)
            assert command["type"] == "run", command
            run, args = command["run_id"], command["args"]
            self.sweep.begin(run, {**args, **{name: {"value": value} for name, value in recorded.items()}})
            self.sweep.log(run, 0, args["lr"]["value"] + (args["kind"]["value"] == "c"))
            self.sweep.end(run)
        return {name: entry["value"] for name, entry in args.items()}

    def edit(self, config: dict[str, Any], **more: Any) -> dict[str, Any]:
        reply = self.graphql(UPSERT_SWEEP, id=self.sweep.id, config=yaml.dump(config), **more)
        if "errors" in reply:
            return {"status": reply["status"], "message": reply["errors"][0]["message"]}
        Monitor(self.backend).run_once()
        return {
            "status": reply["status"],
            "warnings": reply["data"]["upsertSweep"]["configValidationWarnings"],
        }

    @property
    def record(self) -> Any:
        with self.backend.database.read() as connection:
            return sweeps.find(connection, self.sweep.name)

    @property
    def runs(self) -> list[Any]:
        with self.backend.database.read() as connection:
            return list(runs.of_sweep(connection, self.record.id))

    @property
    def reason(self) -> dict[str, Any]:
        """The reason of the last run's config."""
        found: dict[str, Any] = json.loads(self.runs[-1].reason)
        return found

    @property
    def warnings(self) -> list[str]:
        Monitor(self.backend).run_once()
        found: list[str] = json.loads(self.record.warnings)
        return found


@pytest.fixture
def edited(backend: Backend, graphql: GraphQL, stream: Stream) -> Edited:
    return Edited(backend, graphql, stream, START)


def widen(config: dict[str, Any]) -> None:
    config["parameters"]["lr"] = {"min": 0.01, "max": 1.0}


def narrow(config: dict[str, Any]) -> None:
    config["parameters"]["lr"] = {"min": 0.1, "max": 0.15}


def add_value(config: dict[str, Any]) -> None:
    config["parameters"]["kind"]["values"].append("d")


def remove_value(config: dict[str, Any]) -> None:
    config["parameters"]["kind"]["values"].remove("c")


def add_parameter(config: dict[str, Any]) -> None:
    config["parameters"]["dropout"] = {"min": 0.0, "max": 0.5}


def add_parameter_with_default(config: dict[str, Any]) -> None:
    add_parameter(config)
    config["litsweep"]["defaults"] = {"dropout": 0.25}


def remove_parameter(config: dict[str, Any]) -> None:
    del config["parameters"]["depth"]


def make_constant(config: dict[str, Any]) -> None:
    config["parameters"]["kind"] = {"value": "a"}


def free_constant(config: dict[str, Any]) -> None:
    config["parameters"]["depth"] = {"values": [2, 3, 4]}


@pytest.mark.parametrize(
    ("change", "is_read", "warning"),
    [
        (widen, lambda run: True, None),
        (
            narrow,
            lambda run: run["lr"] <= 0.15,
            "lr: the search does not use {} with a value outside its range",
        ),
        (add_value, lambda run: True, None),
        (
            remove_value,
            lambda run: run["kind"] != "c",
            "kind: the search does not use {} with a value outside",
        ),
        (
            add_parameter,
            lambda run: False,
            "dropout: the search does not use {} without a value of it; if the program",
        ),
        (add_parameter_with_default, lambda run: True, None),
        (
            remove_parameter,
            lambda run: True,
            "depth: the search uses 8 runs with any value of this removed",
        ),
        (
            make_constant,
            lambda run: run["kind"] == "a",
            "kind: the search does not use {} with a value outside",
        ),
        (free_constant, lambda run: True, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_earlier_runs_in_the_new_space_teach_it(
    edited: Edited, change: Change, is_read: Callable[[dict[str, Any]], bool], warning: str | None
) -> None:
    edited.advance(N)
    read = sum(is_read(run.config_values) for run in edited.runs)
    assert edited.edit(changed(BAYES, change))["status"] == 200
    config = edited.advance()
    assert edited.reason.get("runs_outside_the_space", 0) == N - read
    assert edited.reason["method"] == ("bayes" if read >= 5 else "initial design")
    assert edited.reason.get("runs_used", read) == read
    expected = [] if warning is None else [warning.format(f"{N - read} run" + "s" * (N - read > 1))]
    assert [text[: len(start)] for text, start in zip(edited.warnings, expected, strict=True)] == expected
    assert config.keys() == changed(BAYES, change)["parameters"].keys()
    assert [run.sweep_version for run in edited.runs] == [1] * N + [2]


def test_a_new_parameter_has_the_value_that_a_run_s_own_config_records(edited: Edited) -> None:
    edited.advance(4, dropout=0.1)
    edited.advance(4)
    edited.edit(changed(BAYES, add_parameter))
    edited.advance()
    assert edited.reason["runs_outside_the_space"] == 4
    edited.edit(changed(BAYES, add_parameter_with_default))
    assert {run["dropout"] for run in searched(edited)[:N]} == {0.1, 0.25}
    edited.advance()
    assert edited.reason["runs_used"] == N + 1 and edited.warnings == []


def searched(edited: Edited) -> list[Any]:
    """Return the parameters of the runs as a search reads them that is built anew from the database."""
    live = LiveSweep(edited.record)
    with edited.backend.database.read() as connection:
        live.refresh(connection)
    return [run.parameters for run in live._controller.runs]


def test_a_running_run_may_record_the_new_parameter_later(edited: Edited) -> None:
    edited.advance(N, dropout=0.1)
    (command,) = edited.sweep.beat(edited.agent)
    edited.edit(changed(BAYES, add_parameter))
    other = edited.sweep.agent()
    first = edited.sweep.start(other)
    assert edited.reason["runs_outside_the_space"] == 1
    edited.sweep.begin(command["run_id"], {**command["args"], "dropout": {"value": 0.4}})
    edited.sweep.log(command["run_id"], 0, 0.5)
    edited.sweep.end(command["run_id"])
    edited.sweep.end(first)
    edited.advance()
    assert "runs_outside_the_space" not in edited.reason and edited.reason["runs_used"] == N + 1


@pytest.mark.parametrize("change", [widen, add_parameter, remove_parameter], ids=lambda it: it.__name__)
def test_a_restarted_server_continues_as_before(edited: Edited, change: Change) -> None:
    edited.advance(6, dropout=0.1)
    edited.edit(changed(BAYES, change))
    edited.advance()
    expected = LiveSweep(edited.record)
    with edited.backend.database.read() as connection:
        expected.refresh(connection)
        suggestion = expected.suggest()
        assert suggestion is not None
        again = LiveSweep(edited.record)
        assert again.still_valid(connection, [suggestion]) == (suggestion,)
    assert edited.advance() == json.loads(suggestion.parameters)
    assert edited.runs[-1].name == suggestion.name


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("metric", "name"), "acc", "metric.name: cannot change, because the results so far would mean"),
        (("metric", "goal"), "maximize", "got the text 'maximize'; write `goal: minimize`, or create a new"),
        (("project",), "other", "project: cannot change, because the sweep has runs, got the text 'other';"),
        (("entity",), "me", "write `entity: local`"),
        (("scheduler",), {"engine": "wandb"}, "scheduler: cannot be added to a sweep that has runs"),
        (("metric",), None, "metric: cannot change"),
        (("run_cap",), 0, "run_cap: must be an integer of at least 1"),
    ],
)
def test_a_change_that_is_refused_has_a_reason(
    edited: Edited, path: tuple[str, ...], value: object, message: str
) -> None:
    edited.advance()
    before = edited.record
    config = copy.deepcopy(START)
    section = config if len(path) == 1 else config[path[0]]
    section[path[-1]] = value
    if value is None:
        del section[path[-1]]
    answer = edited.edit(config)
    assert answer["status"] == 400 and message in answer["message"], answer
    assert edited.record.config == before.config and edited.record.version == 1
    assert edited.advance()


def test_several_metrics_keep_their_names_and_goals(
    backend: Backend, graphql: GraphQL, stream: Stream
) -> None:
    metrics = [{"name": "loss", "goal": "minimize"}, {"name": "acc", "goal": "maximize"}]
    config = {key: value for key, value in START.items() if key != "metric"} | {"metrics": metrics}
    edited = Edited(backend, graphql, stream, config)
    edited.advance()
    assert edited.edit({**config, "metrics": metrics[::-1]})["status"] == 200
    answer = edited.edit({**config, "metrics": [metrics[0], {"name": "f1", "goal": "maximize"}]})
    assert "metrics: cannot change" in answer["message"] and "keep acc (maximize), loss" in answer["message"]


def test_a_sweep_without_runs_may_change_everything(edited: Edited) -> None:
    assert edited.edit({**BAYES, "metric": {"name": "acc", "goal": "maximize"}})["status"] == 200
    assert edited.record.version == 2


def test_every_method_may_follow_another(edited: Edited) -> None:
    edited.advance(5)
    grid = changed(START, lambda config: config["parameters"].update(lr={"values": [0.1, 0.2]}))
    for method in ("grid", "bayes", "grid", "random"):
        config = grid if method != "random" else START
        assert edited.edit({**config, "method": method})["status"] == 200
        edited.advance()
    assert [run.sweep_version for run in edited.runs[5:]] == [2, 3, 4, 5]


def test_a_larger_grid_continues_with_its_new_points(
    backend: Backend, graphql: GraphQL, stream: Stream
) -> None:
    parameters: dict[str, Any] = {"lr": {"values": [1, 2]}, "kind": {"values": ["a"]}}
    edited = Edited(backend, graphql, stream, {**START, "method": "grid", "parameters": parameters})
    assert [edited.advance()["lr"], edited.advance()["lr"]] == [1, 2]
    assert edited.sweep.beat(edited.agent) == [dispatch.EXIT] and edited.record.state == "FINISHED"
    parameters["lr"]["values"] += [3, 4]
    edited.edit({**START, "method": "grid", "parameters": parameters})
    assert edited.record.state == "RUNNING" and edited.sweep.read["runCountExpected"] == 4
    edited.agent = edited.sweep.agent()
    assert [edited.advance()["lr"], edited.advance()["lr"]] == [3, 4]
    assert edited.sweep.beat(edited.agent) == [dispatch.EXIT]


def test_a_higher_run_cap_reopens_a_finished_sweep_and_a_text_does_not(edited: Edited) -> None:
    edited.edit({**START, "run_cap": 2})
    edited.advance(2)
    assert edited.sweep.beat(edited.agent) == [dispatch.EXIT] and edited.record.state == "FINISHED"
    edited.edit({**START, "run_cap": 2, "name": "better"})
    assert (edited.record.state, edited.record.done_because) == ("FINISHED", "run_cap")
    assert edited.record.display_name == "better"
    edited.edit({**START, "run_cap": 3, "name": "better"})
    assert (edited.record.state, edited.record.done_because) == ("RUNNING", None)
    edited.agent = edited.sweep.agent()
    edited.advance()
    assert edited.sweep.beat(edited.agent) == [dispatch.EXIT] and len(edited.runs) == 3


def test_a_target_that_a_run_has_reached_ends_the_sweep(edited: Edited) -> None:
    edited.advance(3)
    edited.edit({**START, "metric": {**START["metric"], "target": 5.0}})
    assert edited.sweep.beat(edited.agent) == [dispatch.EXIT]
    assert (edited.record.state, edited.record.done_because) == ("FINISHED", "target")
    edited.edit({**START, "metric": {**START["metric"], "target": 0.0}})
    assert edited.record.state == "RUNNING"


@pytest.mark.parametrize("state", ["FINISHED", "CANCELED", "PAUSED"])
def test_a_sweep_that_a_person_has_stopped_stays_so(edited: Edited, state: str) -> None:
    edited.advance()
    edited.sweep.become(state)
    edited.edit(changed(START, widen))
    assert edited.record.state == state and edited.record.version == 2


def test_running_runs_are_judged_by_the_new_rule(edited: Edited) -> None:
    agents = [edited.sweep.agent() for _ in range(4)]
    started = [edited.sweep.start(agent) for agent in agents]
    for place, run in enumerate(started):
        edited.sweep.log(run, 0, *[float(place)] * 3)
    Monitor(edited.backend).run_once()
    assert not [run for run in edited.runs if run.stopped_by]
    edited.edit({**START, "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}})
    assert [run.name for run in edited.runs if run.stopped_by] == started[3:]
    assert {run.state for run in edited.runs} == {"running"}


def test_a_scheduler_s_sweep_changes_its_run_cap_only(
    backend: Backend, graphql: GraphQL, stream: Stream
) -> None:
    config = {**START, "method": "random", "scheduler": {"engine": "wandb"}}
    edited = Edited(backend, graphql, stream, config)
    graphql(ENQUEUE_RUN, id=edited.sweep.id, config=json.dumps({"lr": 0.1}))
    assert edited.edit({**config, "run_cap": 7})["status"] == 200
    assert len(edited.runs) == 1 and edited.record.expected_runs == 7
    message = edited.edit(changed(config, widen))["message"]
    assert "parameters: cannot change: the scheduler reads it only when it starts" in message


def test_a_name_that_a_person_gave_stays_if_the_config_keeps_its_own(
    edited: Edited, graphql: GraphQL
) -> None:
    edited.edit({**START, "name": "one", "description": "old"})
    with edited.backend.database.write() as connection:
        sweeps.change(connection, edited.record.id, display_name="mine", description="my text")
    edited.edit({**BAYES, "name": "one", "description": "old"})
    assert (edited.record.display_name, edited.record.description) == ("mine", "my text")
    edited.edit({**BAYES, "name": "two", "description": "new"})
    assert (edited.record.display_name, edited.record.description) == ("two", "new")


def test_an_update_may_name_prior_runs(edited: Edited, graphql: GraphQL) -> None:
    values = {"lr": {"value": 0.15}, "kind": {"value": "a"}, "depth": {"value": 3}}
    graphql(UPSERT_RUN, name="old", project="p", entity="local", config=json.dumps(values))
    refused = edited.edit(BAYES, priorRunsFilters=json.dumps({"$or": [{"name": "nosuch"}]}))
    assert "--prior_run nosuch: no such run" in refused["message"] and edited.record.version == 1
    edited.edit(BAYES, priorRunsFilters=json.dumps({"$or": [{"name": "old"}]}))
    assert [run["lr"] for run in searched(edited)] == [0.15]
