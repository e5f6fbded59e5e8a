"""`litsweep launch --on ray`: agents as Ray tasks, for autoscaling clusters and fractions of a GPU.

Each task is a launcher with one slot (see local.py) on the GPUs that Ray gives it. If a task dies with its
node, it starts again on another one, and its run returns to the sweep. The nodes need this package and the
folder with the program.
"""

import argparse
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.launch.credentials import client_environment
from litsweep.launch.failure import RunEnd
from litsweep.launch.launcher import CPUS_PER_AGENT, GPUS_PER_AGENT, Flag, Launcher, View
from litsweep.launch.local import launch
from litsweep.launch.options import AgentOptions, LaunchOptions, LaunchOutcome, SlotState, SlotView
from litsweep.launch.outage import repeat_until_answered
from litsweep.launch.protocol import connect
from litsweep.launch.retry import Retries
from litsweep.sweep.contract import Failure

LOSSES_WITHOUT_A_RUN = 5
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class RayOptions(AgentOptions):
    """Options of a launch on Ray.

    `gpus_per_agent` may be a fraction. `address` "auto" is the cluster of this machine.
    `count` is divided among the agents before they start.
    """

    gpus_per_agent: float = 0.0
    cpus_per_agent: float = 1.0
    address: str = "auto"


def _launch(sweep: str, args: argparse.Namespace, view: View) -> LaunchOutcome:
    return launch_on_ray(sweep, RayOptions.of(args))


LAUNCHER = Launcher(
    "ray",
    "Ray",
    (
        Flag("--address", default=RayOptions.address, help="address of the cluster (default: auto)"),
        GPUS_PER_AGENT,
        CPUS_PER_AGENT,
    ),
    _launch,
)


def launch_on_ray(sweep: str, options: RayOptions) -> LaunchOutcome:
    """Run `sweep` on a Ray cluster, and return when all agents have ended.

    Raises LitsweepError if the sweep, Ray, or a cluster at the address is missing.
    """
    environ = client_environment({**os.environ, **options.environ})
    api = connect(sweep, environ)
    ray = _connect_ray(options.address)
    try:
        return _Driver(ray, sweep, options, environ, Retries(api)).run()
    finally:
        ray.shutdown()


def _connect_ray(address: str) -> Any:
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise LitsweepError("Ray is not installed: pip install 'litsweep[ray]'") from None
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except ConnectionError as error:
        raise LitsweepError(f"no Ray cluster at {address!r} ({error}): run `ray start --head`") from error
    return ray


class _Driver:
    """Starts the tasks, and restarts those whose node died."""

    def __init__(
        self, ray: Any, sweep: str, options: RayOptions, environ: Mapping[str, str], retries: Retries
    ) -> None:
        self._ray = ray
        self._sweep = sweep
        self._options = options
        self._environ = {k: v for k, v in environ.items() if k.startswith(("WANDB_", "LITSWEEP_", "OMP_"))}
        self._retries = retries
        self._board = ray.remote(num_cpus=0)(_Board).remote()
        self._task = ray.remote(max_retries=0, scheduling_strategy="SPREAD")(_agent)
        self._running: dict[Any, int] = {}
        self._losses = dict.fromkeys(range(options.agents), 0)
        self._ended: list[SlotView] = []
        self._error = ""

    def run(self) -> LaunchOutcome:
        for index in range(self._options.agents):
            self._start(index)
        while self._running:
            ended, _ = self._ray.wait(list(self._running), timeout=POLL_SECONDS)
            for task in ended:
                self._task_ended(task, self._running.pop(task))
        return LaunchOutcome(tuple(self._ended), error=self._error)

    def _start(self, index: int) -> None:
        options = LaunchOptions(
            gpus="all" if self._options.gpus_per_agent else "none",
            per_trial=max(1, math.ceil(self._options.gpus_per_agent)),
            count=self._share(index),
            max_consecutive_failures=self._options.max_consecutive_failures,
            log_dir=self._options.log_dir / f"agent-{index}",
            keep_checkpoints=self._options.keep_checkpoints,
            min_free_gb=self._options.min_free_gb,
            environ=self._environ,
        )
        resources = {"num_cpus": self._options.cpus_per_agent, "num_gpus": self._options.gpus_per_agent}
        start = self._task.options(**resources).remote
        self._running[start(self._sweep, options, str(Path.cwd()), index, self._board)] = index

    def _share(self, index: int) -> int | None:
        """Return how many runs the agent may take, minus those that it took before its node died."""
        if self._options.count is None:
            return None
        each, rest = divmod(self._options.count, self._options.agents)
        return each + (index < rest) - int(self._on_board(index).get("done", 0))

    def _on_board(self, index: int) -> dict[str, Any]:
        return dict(self._ray.get(self._board.read.remote(index)))

    def _task_ended(self, task: Any, index: int) -> None:
        try:
            outcome: LaunchOutcome = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            self._task_lost(index, error)
            return
        self._ended += [replace(slot, index=index) for slot in outcome.slots]
        if outcome.error and not self._error:
            self._error = outcome.error
            for other in self._running:
                self._ray.cancel(other)

    def _task_lost(self, index: int, error: Exception) -> None:
        run = self._on_board(index).get("run")
        self._losses[index] = 0 if run else self._losses[index] + 1
        if run:
            end = RunEnd(run, -9, Failure.LOST, "its node died")
            repeat_until_answered(lambda: self._retries.record(end))
            self._ray.get(self._board.note.remote(index, None, self._on_board(index)["done"]))
        if self._error or self._losses[index] > LOSSES_WITHOUT_A_RUN:
            log = self._options.log_dir / f"agent-{index}"
            self._ended.append(SlotView(index, (), SlotState.CLOSED, log, reason=f"its task died: {error}"))
        else:
            time.sleep(min(2 ** self._losses[index], 30) / 2)
            self._start(index)


class _Board:
    """Remembers the current run of each agent, even if the agent's node dies."""

    def __init__(self) -> None:
        self._agents: dict[int, dict[str, Any]] = {}

    def note(self, index: int, run: str | None, done: int) -> None:
        self._agents[index] = {"run": run, "done": done}

    def read(self, index: int) -> dict[str, Any]:
        return self._agents.get(index, {})


def _agent(sweep: str, options: LaunchOptions, folder: str, index: int, board: Any) -> LaunchOutcome:
    """The task: a launcher with one slot that writes its current run to the board."""
    ray: Any = import_module("ray")
    os.chdir(folder)
    before = ray.get(board.read.remote(index)).get("done", 0)
    last: tuple[str | None, int] = (None, 0)

    def write(slots: tuple[SlotView, ...]) -> None:
        nonlocal last
        now = (slots[0].run, slots[0].done)
        if now != last:
            ray.get(board.note.remote(index, now[0], before + now[1]))
            last = now

    return launch(sweep, options, write)
