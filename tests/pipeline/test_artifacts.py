"""Checkpoints as artifacts on a real server: resuming without the folder, and which models are kept."""

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb

from litsweep.pipeline.artifacts import Artifacts
from litsweep.pipeline.checkpoints import BestCheckpoint
from tests import stock_service
from tests.live_server import LiveServer
from tests.pipeline.conftest import Finished, RunAgent
from tests.server.operations import UPSERT_SWEEP

OWN = ["--data=tests.pipeline.own.Line", "--monitor=val_error", "--mode=min"]
ONLINE = ["--wandb=online", "--log_model=true"]
Trial = Callable[[str, float], Finished]
STOPPED = ["--model=tests.pipeline.own.Interrupted", *OWN, *ONLINE, "--trainer.max_epochs=4"]


@pytest.fixture(autouse=True)
def project(online: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "p")
    monkeypatch.setenv("WANDB_ENTITY", "local")


def rows(run: str) -> list[dict[str, Any]]:
    clocks = ("_timestamp", "_runtime")
    history = wandb.Api().run(f"local/p/{run}").scan_history()
    return [{name: value for name, value in row.items() if name not in clocks} for row in history]


def versions(kind: str, name: str) -> list[wandb.Artifact]:
    """Return all versions of an artifact, the newest first."""
    api = wandb.Api()
    exists = api.artifact_collection_exists(f"local/p/{name}", kind)
    return list(api.artifacts(kind, f"local/p/{name}")) if exists else []


def test_a_run_resumed_from_its_artifact_has_the_metrics_of_an_uninterrupted_one(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "moved")
    stopped = run_agent(*STOPPED, "--checkpoints=node-a", "--model.at_step=5")
    assert stopped.exit_code == 143
    (state,) = versions("checkpoint", "checkpoint-moved")
    assert sorted(file.name for file in state.files()) == ["best.ckpt", "last.ckpt"]
    assert state.metadata == {"global_step": 6}

    shutil.rmtree("node-a")
    Path("no-signal").touch()
    assert run_agent(*STOPPED, "--checkpoints=node-b").exit_code == 0
    steps = [json.loads(line)["step"] for line in Path("steps.jsonl").read_text().splitlines()]
    assert steps == list(range(4 * 3))  # each optimizer step once, in order
    assert versions("checkpoint", "checkpoint-moved") == []  # nobody needs it any more

    monkeypatch.setenv("WANDB_RUN_ID", "unbroken")
    assert run_agent(*STOPPED).exit_code == 0
    expected, got = rows("unbroken"), rows("moved")
    assert len(got) == len(expected) > 4
    for row, wanted in zip(got, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)


def test_a_run_resumes_from_the_newer_of_folder_and_artifact(
    run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is preempted on one node, then on another. Back on the first, the local checkpoint is older."""
    monkeypatch.setenv("WANDB_RUN_ID", "back")
    for node, at_step in (("node-a", 2), ("node-b", 5)):
        assert run_agent(*STOPPED, f"--checkpoints={node}", f"--model.at_step={at_step}").exit_code == 143
    assert len(versions("checkpoint", "checkpoint-back")) == 1  # the one before is superseded
    Path("no-signal").touch()
    assert run_agent(*STOPPED, "--checkpoints=node-a").exit_code == 0
    steps = [json.loads(line)["step"] for line in Path("steps.jsonl").read_text().splitlines()]
    assert steps == list(range(4 * 3))


@pytest.fixture
def trial(run_agent: RunAgent, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Make a run with a given score in sweep `s`, which need not exist on the server."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")

    def run(name: str, score: float) -> Finished:
        stock_service.teardown()  # the client reads the run's id once, from the environment
        monkeypatch.setenv("WANDB_RUN_ID", name)
        model = ["--model=tests.pipeline.own.Constant", f"--model.slope={score}", "--trainer.max_epochs=1"]
        done = run_agent(*model, *OWN, *ONLINE)
        assert done.exit_code == 0
        return done

    return run


def test_only_runs_that_are_the_sweep_s_best_log_their_model(trial: Trial) -> None:
    trial("first", 3.0)
    best = trial("better", 1.0)
    worse = trial("worse", 2.0)
    trial("equal", 1.0)
    newest, oldest = versions("model", "model-s")
    assert (newest.metadata["run"], newest.metadata["score"]) == ("better", 1.0)
    assert oldest.metadata["run"] == "first"
    assert best.result["model_artifact"] == "local/p/model-s:v1"
    assert wandb.Api().run("local/p/better").summary["model_artifact"] == "local/p/model-s:v1"
    assert "model_artifact" not in worse.result
    assert "best" in newest.aliases
    assert "best" not in oldest.aliases
    (downloaded,) = Path(wandb.Api().artifact("local/p/model-s:best").download(root="downloaded")).iterdir()
    assert downloaded.name == "model.ckpt"
    assert downloaded.read_bytes() == Path(best.result["checkpoint"]).read_bytes()


def test_a_run_that_misses_a_constraint_is_not_the_best(
    trial: Trial, online: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "method": "random",
        "metric": {"name": "val_error"},
        "parameters": {"model.slope": {"min": 0.0, "max": 9.0}},
        "litsweep": {"constraints": {"latency": "<= 20"}},
    }
    sweep = online.graphql(UPSERT_SWEEP, config=json.dumps(config))["upsertSweep"]["sweep"]["name"]
    monkeypatch.setenv("WANDB_SWEEP_ID", sweep)
    done = trial("without-latency", 1.0)
    assert "model_artifact" not in done.result and not versions("model", f"model-{sweep}")


def test_somebody_else_s_version_is_no_rival(trial: Trial) -> None:
    with wandb.init(project="p", entity="local", id="by-hand") as run:
        foreign = wandb.Artifact("model-s", "model", metadata={"monitor": "val_error"})
        run.log_artifact(foreign).wait()
    trial("first", 3.0)
    newest, oldest = versions("model", "model-s")
    assert (newest.metadata["run"], oldest.metadata) == ("first", {"monitor": "val_error"})
    assert "best" in newest.aliases


def test_of_two_runs_that_end_at_once_the_better_one_is_best(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial("better", 1.0)
    sees, looks = Artifacts._best_version, count()

    def at_first_blind(artifacts: Artifacts) -> wandb.Artifact | None:
        return sees(artifacts) if next(looks) else None  # the other one's upload is not there yet

    monkeypatch.setattr(Artifacts, "_best_version", at_first_blind)
    trial("worse", 2.0)
    newest, oldest = versions("model", "model-s")
    assert (newest.metadata["run"], oldest.metadata["run"]) == ("worse", "better")
    assert "best" in oldest.aliases
    assert "best" not in newest.aliases


def test_a_query_that_the_server_refuses_does_not_fail_the_run(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's error is of a private class, which is not a wandb.Error."""

    def refused(artifacts: Artifacts) -> Any:
        return artifacts._api._service_api.execute_graphql("query {")

    monkeypatch.setattr(Artifacts, "_best_version", refused)
    finished = trial("refused", 1.0)
    assert finished.exit_code == 0
    assert "log_model: the best checkpoint is only in its folder" in finished.stderr


def test_a_run_that_is_not_online_says_that_nothing_is_uploaded(run_agent: RunAgent) -> None:
    done = run_agent("--log_model=true")
    assert done.exit_code == 0
    assert "log_model: nothing is uploaded, the W&B run is disabled" in done.stderr


def test_a_checkpoint_of_another_folder_keeps_its_score(tmp_path: Path) -> None:
    there = BestCheckpoint(tmp_path / "there", filename="best", monitor="m", mode="max")
    path = str(tmp_path / "there" / "best.ckpt")
    there.best_model_score = there.kth_value = torch.tensor(0.9)
    there.best_model_path = there.kth_best_model_path = path
    there.best_k_models = {path: torch.tensor(0.9)}
    here = BestCheckpoint(tmp_path / "here", filename="best", monitor="m", mode="max")
    here.load_state_dict(there.state_dict())
    moved = str(tmp_path / "here" / "best.ckpt")
    assert (here.best_model_score, here.best_model_path) == (torch.tensor(0.9), moved)
    assert here.best_k_models == {moved: torch.tensor(0.9)}
