"""`litsweep launch --on ray`: agents as Ray tasks, for autoscaling clusters and fractions of a GPU.

Each task is a launcher with one slot (see local.py) on the GPUs that Ray gives it. If a task dies with its
node, it starts again on another one, and its run returns to the sweep. An actor on the driver's node gets the
run of each task, so that no other node's death loses it. The nodes need this package and the folder with the
program.
"""

import argparse
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from litsweep.errors import LitsweepError
from litsweep.launch.background import repeat_until_answered
from litsweep.launch.credentials import client_environment
from litsweep.launch.failure import RunEnd
from litsweep.launch.launcher import CPUS_PER_AGENT, GPUS_PER_AGENT, Flag, Launcher, View
from litsweep.launch.local import launch
from litsweep.launch.options import AgentOptions, LaunchOptions, LaunchOutcome, SlotState, SlotView
from litsweep.launch.protocol import AgentApi, connect
from litsweep.launch.retry import Retries
from litsweep.sweep.contract import Failure, RunState

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
        return _Driver(ray, sweep, options, environ, api).run()
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


class _Board:
    """An actor that keeps the last view of each agent's slot until the driver reads it."""

    def __init__(self) -> None:
        self._slots: dict[int, SlotView] = {}

    def write(self, slot: SlotView) -> None:
        self._slots[slot.index] = slot

    def read(self) -> dict[int, SlotView]:
        return self._slots


def _start_board(ray: Any) -> Any:
    """Start the board on the driver's node: without that node there is no driver either."""
    strategies: Any = import_module("ray.util.scheduling_strategies")
    here = strategies.NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return ray.remote(_Board).options(**options).remote()


class _Driver:
    """Starts the tasks, and restarts those whose node died."""

    def __init__(
        self, ray: Any, sweep: str, options: RayOptions, environ: Mapping[str, str], api: AgentApi
    ) -> None:
        self._ray = ray
        self._sweep = sweep
        self._options = options
        self._environ = environ
        self._api = api
        self._retries = Retries(api)
        self._board = _start_board(ray)
        self._task = ray.remote(max_retries=0, scheduling_strategy="SPREAD")(_agent)
        logs = [options.log_dir / f"agent-{index}" for index in range(options.agents)]
        self._slots = {i: SlotView(i, (), SlotState.STARTING, log) for i, log in enumerate(logs)}
        self._running: dict[Any, int] = {}
        self._due: dict[int, float] = {}  # when to start an agent
        self._losses = Counter[int]()  # tasks in a row that died without a run
        self._error = ""

    def run(self) -> LaunchOutcome:
        """Run the agents until the sweep is done. A run that no view names is taken up once it is crashed."""
        repeat_until_answered(self._retries.requeue_crashed)
        self._run_agents()
        while not self._error and repeat_until_answered(self._retries.requeue_crashed):
            self._run_agents()
        return LaunchOutcome(tuple(self._slots.values()), error=self._error)

    def _run_agents(self) -> None:
        open_slots = [i for i, slot in self._slots.items() if slot.state is not SlotState.CLOSED]
        self._due = dict.fromkeys(open_slots, 0.0)
        while self._due or self._running:
            for index in [index for index, at in self._due.items() if at <= time.monotonic()]:
                del self._due[index]
                self._start(index)
            self._wait()

    def _wait(self) -> None:
        """Wait for ended tasks and new views."""
        if not self._running:
            time.sleep(POLL_SECONDS)
            return
        ended, _ = self._ray.wait(list(self._running), timeout=POLL_SECONDS)
        views = self._ray.get(self._board.read.remote())
        self._slots |= {
            i: views[i] for i in self._running.values() if i in views
        }  # not a late view of an ended task
        for task in ended:
            self._task_ended(task, self._running.pop(task))

    def _start(self, index: int) -> None:
        slot, asked = self._slots[index], self._options
        options = LaunchOptions(
            gpus="all" if asked.gpus_per_agent else "none",
            per_trial=max(1, math.ceil(asked.gpus_per_agent)),
            count=self._share(slot),
            max_consecutive_failures=asked.max_consecutive_failures,
            log_dir=asked.log_dir / f"agent-{index}",
            keep_checkpoints=asked.keep_checkpoints,
            min_free_gb=asked.min_free_gb,
            environ={k: v for k, v in self._environ.items() if k.startswith(("WANDB_", "LITSWEEP_", "OMP_"))},
            requeue_crashed=False,
        )
        start = self._task.options(num_cpus=asked.cpus_per_agent, num_gpus=asked.gpus_per_agent).remote
        self._running[start(self._sweep, options, str(Path.cwd()), slot, self._board)] = index

    def _share(self, slot: SlotView) -> int | None:
        """Return how many runs the agent may take, minus those that it had before its node died."""
        if self._options.count is None:
            return None
        each, rest = divmod(self._options.count, self._options.agents)
        return max(0, each + (slot.index < rest) - slot.done - slot.failed)

    def _task_ended(self, task: Any, index: int) -> None:
        try:
            outcome: LaunchOutcome = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            self._task_lost(self._slots[index], error)
            return
        self._write(outcome.slots[0])
        if outcome.error and not self._error:
            self._error = outcome.error
            self._due.clear()
            for other in self._running:
                self._ray.cancel(other)

    def _task_lost(self, slot: SlotView, error: Exception) -> None:
        if slot.run is None:
            self._losses[slot.index] += 1
        else:
            self._losses[slot.index] = 0
            if not any(other.run == slot.run for other in self._slots.values() if other is not slot):
                record_loss(self._api, self._retries, slot.run)
        if self._error or self._losses[slot.index] > LOSSES_WITHOUT_A_RUN:
            closed = replace(slot, state=SlotState.CLOSED, reason=f"its task died: {error}", run=None)
            self._write(closed)
        else:
            self._write(replace(slot, run=None))
            self._due[slot.index] = time.monotonic() + min(2 ** self._losses[slot.index], 30) / 2

    def _write(self, slot: SlotView) -> None:
        self._slots[slot.index] = slot
        self._ray.get(self._board.write.remote(slot))


def record_loss(api: AgentApi, retries: Retries, run_id: str) -> None:
    """Return a run whose node died to the sweep, unless its end had reached the server before."""
    found = repeat_until_answered(lambda: api.run(run_id))
    state = found.get("state")
    is_ended_by_user = state == RunState.KILLED and found["stopped"]
    if state in (RunState.FINISHED, RunState.PREEMPTED) or is_ended_by_user:
        return
    end = RunEnd(run_id, -signal.SIGKILL, Failure.LOST, "its node died")
    repeat_until_answered(lambda: retries.record(end))


def _agent(sweep: str, options: LaunchOptions, folder: str, before: SlotView, board: Any) -> LaunchOutcome:
    """The task: a launcher with one slot that sends its view to the board. Counts include those `before`."""
    os.chdir(folder)
    last = before

    def counted(slot: SlotView) -> SlotView:
        done, failed = before.done + slot.done, before.failed + slot.failed
        return replace(slot, index=before.index, done=done, failed=failed)

    def write(slots: tuple[SlotView, ...]) -> None:
        nonlocal last
        if (now := counted(slots[0])) != last:
            board.write.remote(now)
            last = now

    outcome = launch(sweep, options, write)
    return replace(outcome, slots=tuple(map(counted, outcome.slots)))
