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
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True)
class _Note:
    """What an agent tells the driver: its current run, and how many of its runs have ended."""

    run: str | None = None
    done: int = 0
    failed: int = 0


class _Board:
    """An actor that keeps the last note of each agent until the driver reads it."""

    def __init__(self) -> None:
        self._notes: dict[int, _Note] = {}

    def note(self, index: int, note: _Note) -> None:
        self._notes[index] = note

    def read(self) -> dict[int, _Note]:
        return self._notes


def _start_board(ray: Any) -> Any:
    """Start the board on the driver's node: without that node there is no driver either."""
    strategies: Any = import_module("ray.util.scheduling_strategies")
    here = strategies.NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return ray.remote(_Board).options(**options).remote()


@dataclass
class _Driver:
    """Starts the tasks, and restarts those whose node died."""

    ray: Any
    sweep: str
    options: RayOptions
    environ: Mapping[str, str]
    api: AgentApi
    _running: dict[Any, int] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)  # when to start an agent
    _losses: dict[int, int] = field(default_factory=dict)  # tasks in a row that died without a run
    _notes: dict[int, _Note] = field(default_factory=dict)
    _ended: dict[int, SlotView] = field(default_factory=dict)
    _error: str = ""

    def __post_init__(self) -> None:
        self._retries = Retries(self.api)
        self._board = _start_board(self.ray)
        self._task = self.ray.remote(max_retries=0, scheduling_strategy="SPREAD")(_agent)

    def run(self) -> LaunchOutcome:
        """Run the agents until the sweep is done. A run that no note names is taken up once it is crashed."""
        repeat_until_answered(self._retries.requeue_crashed)
        self._run_agents()
        while not self._error and repeat_until_answered(self._retries.requeue_crashed):
            self._run_agents()
        return LaunchOutcome(tuple(self._ended[index] for index in sorted(self._ended)), error=self._error)

    def _run_agents(self) -> None:
        closed = {index for index, slot in self._ended.items() if slot.state is SlotState.CLOSED}
        self._due = dict.fromkeys(set(range(self.options.agents)) - closed, 0.0)
        while self._due or self._running:
            for index in [index for index, at in self._due.items() if at <= time.monotonic()]:
                del self._due[index]
                self._start(index)
            self._wait()

    def _wait(self) -> None:
        """Wait for ended tasks and new notes."""
        if not self._running:
            time.sleep(POLL_SECONDS)
            return
        ended, _ = self.ray.wait(list(self._running), timeout=POLL_SECONDS)
        self._notes |= self.ray.get(self._board.read.remote())
        for task in ended:
            self._task_ended(task, self._running.pop(task))

    def _start(self, index: int) -> None:
        note = self._notes.get(index, _Note())
        options = LaunchOptions(
            gpus="all" if self.options.gpus_per_agent else "none",
            per_trial=max(1, math.ceil(self.options.gpus_per_agent)),
            count=self._share(index, note),
            max_consecutive_failures=self.options.max_consecutive_failures,
            log_dir=self.options.log_dir / f"agent-{index}",
            keep_checkpoints=self.options.keep_checkpoints,
            min_free_gb=self.options.min_free_gb,
            environ={k: v for k, v in self.environ.items() if k.startswith(("WANDB_", "LITSWEEP_", "OMP_"))},
            requeue_crashed=False,
        )
        resources = {"num_cpus": self.options.cpus_per_agent, "num_gpus": self.options.gpus_per_agent}
        start = self._task.options(**resources).remote
        self._running[start(self.sweep, options, str(Path.cwd()), index, note, self._board)] = index

    def _share(self, index: int, note: _Note) -> int | None:
        """Return how many runs the agent may take, minus those that it had before its node died."""
        if self.options.count is None:
            return None
        each, rest = divmod(self.options.count, self.options.agents)
        return max(0, each + (index < rest) - note.done - note.failed)

    def _task_ended(self, task: Any, index: int) -> None:
        try:
            outcome: LaunchOutcome = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            self._task_lost(index, error)
            return
        self._ended[index] = outcome.slots[0]
        self._write(index, _Note(None, outcome.done, outcome.failed))
        if outcome.error and not self._error:
            self._error = outcome.error
            self._due.clear()
            for other in self._running:
                self.ray.cancel(other)

    def _task_lost(self, index: int, error: Exception) -> None:
        note = self._notes.get(index, _Note())
        self._losses[index] = 0 if note.run else self._losses.get(index, 0) + 1
        if note.run:
            if not any(other.run == note.run for i, other in self._notes.items() if i != index):
                record_loss(self.api, self._retries, note.run)
            self._write(index, replace(note, run=None))
        if self._error or self._losses[index] > LOSSES_WITHOUT_A_RUN:
            log, why = self.options.log_dir / f"agent-{index}", f"its task died: {error}"
            counts = (note.done, note.failed)
            self._ended[index] = SlotView(index, (), SlotState.CLOSED, log, None, *counts, reason=why)
        else:
            self._due[index] = time.monotonic() + min(2 ** self._losses[index], 30) / 2

    def _write(self, index: int, note: _Note) -> None:
        self._notes[index] = note
        self.ray.get(self._board.note.remote(index, note))


def record_loss(api: AgentApi, retries: Retries, run_id: str) -> None:
    """Return a run whose node died to the sweep, unless its end had reached the server before."""
    found = repeat_until_answered(lambda: api.run(run_id))
    state = found.get("state")
    is_ended_by_user = state == RunState.KILLED and found["stopped"]
    if state in (RunState.FINISHED, RunState.PREEMPTED) or is_ended_by_user:
        return
    end = RunEnd(run_id, -signal.SIGKILL, Failure.LOST, "its node died")
    repeat_until_answered(lambda: retries.record(end))


def _agent(
    sweep: str, options: LaunchOptions, folder: str, index: int, before: _Note, board: Any
) -> LaunchOutcome:
    """The task: a launcher with one slot that sends its current run to the board. Counts include `before`."""
    os.chdir(folder)
    last: _Note | None = None

    def counted(slot: SlotView) -> SlotView:
        return replace(slot, index=index, done=before.done + slot.done, failed=before.failed + slot.failed)

    def write(slots: tuple[SlotView, ...]) -> None:
        nonlocal last
        slot = counted(slots[0])
        now = _Note(slot.run, slot.done, slot.failed)
        if now != last:
            board.note.remote(index, now)
            last = now

    outcome = launch(sweep, options, write)
    return replace(outcome, slots=tuple(map(counted, outcome.slots)))
