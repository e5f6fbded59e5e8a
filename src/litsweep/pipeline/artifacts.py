"""Checkpoints as W&B artifacts: the best model of a sweep, and the state of a preempted run.

Each run that ends as the best of its sweep adds a version to `model-SWEEP`. The alias `best` is on the best
version. `checkpoint-RUN` holds both checkpoints of a preempted run until that run has ended.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
import wandb

from litsweep.errors import is_missing_sweep, is_wandb_error
from litsweep.pipeline.checkpoints import Checkpoints
from litsweep.pipeline.tracking import ServerUnreachableError
from litsweep.sweep.config import SweepConfig, parsed_or_none
from litsweep.sweep.constraints import are_met, constrained_values
from litsweep.sweep.contract import MODEL_ARTIFACT
from litsweep.sweep.run import parse_summary

T = TypeVar("T")

BEST = "best"
STEP = "global_step"
_TYPE_OF_MODEL, _TYPE_OF_STATE = "model", "checkpoint"


class Artifacts:
    """The artifacts of one online run."""

    def __init__(self, run: wandb.Run, checkpoints: Checkpoints) -> None:
        self._run = run
        self._checkpoints = checkpoints
        self._api = wandb.Api()
        self._home = f"{run.entity}/{run.project}"
        self._model = f"model-{run.sweep_id or run.id}"
        self._state = f"checkpoint-{run.id}"

    def fetch(self) -> None:
        """Download a preempted run's checkpoints if those in the folder are missing or older.

        Raises ServerUnreachableError if that fails: a restart from scratch would log every row twice.
        """
        if not self._run.resumed:
            return
        try:
            versions = self._versions(_TYPE_OF_STATE, self._state)
            if versions and versions[0].metadata.get(STEP, -1) > step_of(self._checkpoints.last_path):
                self._download(versions[0])
        except Exception as error:
            if not _is_of_client(error):
                raise
            raise ServerUnreachableError(f"cannot download the artifact {self._state}: {error}") from error

    def preempted(self) -> None:
        """Upload both checkpoints, so that another machine can resume the run."""
        if self._checkpoints.last_path.is_file():
            self._try("only machines that see this folder can resume the run", self._log_state)

    def paused(self) -> dict[str, object]:
        """Upload both checkpoints, and the best one as the sweep's if it is the best so far.

        Returns the new entries of the run's summary.
        """
        self.preempted()
        name = self._try("the best checkpoint is only in its folder", self._log_model)
        return {MODEL_ARTIFACT: name} if name else {}

    def ended(self) -> dict[str, object]:
        """Upload the best checkpoint if it is the sweep's best so far, and delete the preempted state.

        Returns the new entries of the run's summary.
        """
        name = self._try("the best checkpoint is only in its folder", self._log_model)
        if self._run.resumed:
            self._try(f"the artifact {self._state} stays", self._delete_state)
        return {MODEL_ARTIFACT: name} if name else {}

    def _try(self, otherwise: str, action: Callable[[], T]) -> T | None:
        """Return the action's result. A failed upload prints `otherwise` and does not fail the run."""
        try:
            return action()
        except Exception as error:
            if not _is_of_client(error):
                raise
            print(f"agent.py: log_model: {otherwise}: {error}", file=sys.stderr)
            return None

    def _download(self, state: wandb.Artifact) -> None:
        folder = self._checkpoints.folder
        self._checkpoints.make_folder()
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            state.download(root=scratch, skip_cache=True)
            for path in sorted(Path(scratch).iterdir()):
                path.replace(folder / path.name)  # last.ckpt is moved last: if it exists, so does best.ckpt

    def _log_state(self) -> None:
        last = self._checkpoints.last_path
        state = wandb.Artifact(self._state, _TYPE_OF_STATE, metadata={STEP: step_of(last)})
        for path in (last, last.with_name("best.ckpt")):
            if path.is_file():
                state.add_file(str(path), policy="immutable", skip_cache=True)
        self._run.log_artifact(state).wait()
        _, *older = self._versions(_TYPE_OF_STATE, self._state)
        for version in older:
            version.delete(delete_aliases=True)

    def _delete_state(self) -> None:
        if self._exists(_TYPE_OF_STATE, self._state):
            self._api.artifact_collection(_TYPE_OF_STATE, f"{self._home}/{self._state}").delete()

    def _log_model(self) -> str | None:
        best = self._checkpoints.best
        if best.best_model_score is None or not Path(best.best_model_path).is_file():
            return None
        score = float(best.best_model_score)
        if not self._meets_constraints({str(best.monitor): score}):
            return None
        rival = self._best_version()
        if rival is not None and not self._is_better(score, rival.metadata["score"]):
            return None
        metadata = {"score": score, "monitor": best.monitor, "mode": best.mode, "run": self._run.id}
        model = wandb.Artifact(self._model, _TYPE_OF_MODEL, metadata=metadata)
        model.add_file(best.best_model_path, name="model.ckpt", policy="immutable", skip_cache=True)
        self._run.log_artifact(model, aliases=[BEST]).wait()
        self._move_alias()
        return str(model.qualified_name)

    def _meets_constraints(self, own: Mapping[str, float]) -> bool:
        """Return True if the run meets the constraints of its sweep, or if there is no such sweep.

        `own` has the best value of the monitored metric.
        """
        config = self._sweep_config()
        if config is None:
            return True
        bests = {metric.name: own[metric.name] for metric in config.metrics if metric.name in own}
        values = constrained_values(config.constraints, parse_summary(self._run.summary), bests)
        return are_met(config.constraints, values)

    def _sweep_config(self) -> SweepConfig | None:
        """Return the config of the run's sweep; None if the server has none that this version can read."""
        if self._run.sweep_id is None:
            return None
        try:
            sweep = self._api.sweep(f"{self._home}/{self._run.sweep_id}")  # type: ignore[no-untyped-call]  # wandb
            return parsed_or_none(sweep.config)
        except Exception as error:
            if not (_is_of_client(error) and is_missing_sweep(error)):
                raise
            return None

    def _move_alias(self) -> None:
        """Move the alias to the best version. Another run may have uploaded a better one meanwhile."""
        best = self._best_version()
        if best is not None and BEST not in best.aliases:
            best.aliases.append(BEST)
            best.save()

    def _best_version(self) -> wandb.Artifact | None:
        """Return the best version that litsweep uploaded with this monitor, or None."""
        best: wandb.Artifact | None = None
        for version in self._versions(_TYPE_OF_MODEL, self._model):
            is_ours = {"score", "monitor"} <= version.metadata.keys()
            known = is_ours and version.metadata["monitor"] == self._checkpoints.best.monitor
            if known and (best is None or self._is_better(version.metadata["score"], best.metadata["score"])):
                best = version
        return best

    def _is_better(self, one: float, other: float) -> bool:
        return one > other if self._checkpoints.best.mode == "max" else one < other

    def _versions(self, kind: str, name: str) -> list[wandb.Artifact]:
        """Return all versions, the newest first."""
        path = f"{self._home}/{name}"
        return list(self._api.artifacts(kind, path)) if self._exists(kind, name) else []

    def _exists(self, kind: str, name: str) -> bool:
        return self._api.artifact_collection_exists(f"{self._home}/{name}", kind)


def step_of(checkpoint: Path) -> int:
    """Return the number of optimizer steps of a checkpoint, or -1 if it does not exist."""
    if not checkpoint.is_file():
        return -1
    saved: dict[str, Any] = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=False)
    return int(saved[STEP])


def _is_of_client(error: Exception) -> bool:
    """Return True if a request of the client failed. It raises ValueError for an upload that failed."""
    return isinstance(error, ValueError | OSError) or is_wandb_error(error)
