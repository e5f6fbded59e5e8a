"""`--per-gpu auto`: the number of runs on each GPU changes while the launch runs (sharing.py chooses it)."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from litsweep.errors import LitsweepError, count
from litsweep.launch.background import in_thread
from litsweep.launch.devices import Memory
from litsweep.launch.failure import RunEnd
from litsweep.launch.notes import add_note
from litsweep.launch.options import SlotState
from litsweep.launch.protocol import AgentApi
from litsweep.launch.sharing import Choice, Limits, Measurement, Row, choose, lowered
from litsweep.launch.slot import Admission, Place, SlotAgent
from litsweep.sweep.contract import ExitCode, Failure
from litsweep.sweep.progress import reported_progress

MEASURE_SECONDS = 3.0  # between two measurements

log = logging.getLogger("litsweep.launch")


@dataclass
class _ObservedRun:
    """A run since it was first seen at `began`, when the number of slots had changed `changes` times.

    `neighbours` is the largest number of other runs on its GPU since then.
    """

    began: float
    changes: int
    neighbours: int = 0


class SharedGpu:
    """One GPU, or the GPUs of one run: its slots, its runs, and what was measured."""

    def __init__(self, devices: tuple[str, ...], memory: Memory) -> None:
        self.name = f"GPU {','.join(devices)}"
        self.agents: list[SlotAgent] = []
        self.limits = Limits(memory.total, memory.used)
        self.choice = choose((), self.limits)
        self._measured = {self.choice.slots: Measurement(self.choice.slots, since=time.time())}
        self.said: tuple[int, bool] | None = None  # the number, and whether it is final
        self._changes = 0
        self._ended = 0
        self._observed: dict[str, _ObservedRun] = {}

    @property
    def ended_slots(self) -> int:
        """The number of slots that are done or closed. No others replace them."""
        return sum(not agent.is_open for agent in self.agents)

    @property
    def capacity(self) -> int:
        """The number of runs that the GPU may have now."""
        return min(self.choice.slots - self.ended_slots, self.limits.ceiling)

    @property
    def runs(self) -> list[str]:
        """The runs of the GPU."""
        return [agent.run for agent in self.agents if agent.run]

    def observe(self) -> None:
        """Record which runs are beside which."""
        self._observe(self.runs)

    def _observe(self, runs: Sequence[str]) -> None:
        for run in runs:
            observed = self._observed.setdefault(run, _ObservedRun(time.monotonic(), self._changes))
            observed.neighbours = max(observed.neighbours, len(runs) - 1)

    def measure(self, runs: Sequence[str], memory: Memory, rows: Mapping[str, Row]) -> None:
        """Take in the memory in use and the last rows, and choose again.

        `runs` are those before the memory was read. If they are others now, the memory may be that of more.
        """
        measured, last = self._measured[self.choice.slots], self._last_of_each(rows)
        is_full = len(runs) == measured.slots and runs == self.runs
        if is_full:  # also without rows: the runs may be too short to log any
            measured.used = max(measured.used, memory.used)
        if is_full and len(last) == len(runs):
            measured.add(last)
        else:
            measured.restart(time.time())
        self._choose()

    def _last_of_each(self, rows: Mapping[str, Row]) -> dict[str, Row]:
        """Return what each run reports itself, else its last row. The names tell them apart: steps differ."""
        found = {}
        for agent in self.agents:
            if run := agent.run:
                reported, start = reported_progress(agent.progress_file), self._start_of(run)
                if reported and reported[1] >= start:
                    found[f"{run} itself"] = Row(*reported)
                elif run in rows and rows[run].at >= start:
                    found[run] = rows[run]
        return found

    def _start_of(self, run: str) -> float:
        """Return when the run was first seen, in seconds since 1970. A resumed run has older rows too."""
        observed = self._observed.get(run)
        return time.time() - (time.monotonic() - observed.began) if observed else float("inf")

    def _choose(self) -> None:
        before = self.choice.slots
        self.choice = choose(list(self._measured.values()), self.limits)
        if self.choice.slots != before:
            self._changes += 1
            self._measured.setdefault(self.choice.slots, Measurement(self.choice.slots)).restart(time.time())

    def stay(self, reason: str) -> None:
        """Change the number of slots no more, except for lack of memory."""
        self.choice = Choice(self.choice.slots, reason, is_final=True)

    def run_ended(self, run: str, end: RunEnd) -> int:
        """Record the end of a run. Return how many runs at a time were too many for the memory, or 0."""
        is_known = run in self._observed
        self._observe([*{*self.runs, run}])  # they may have begun since the last look
        observed = self._observed.pop(run)
        if end.failure is Failure.OUT_OF_MEMORY:
            return observed.neighbours + 1 if observed.neighbours else 0
        succeeded = end.failure is None and not end.is_preempted
        is_whole = is_known and observed.changes == self._changes
        if succeeded and self._ended and is_whole:  # the first one warms up
            self._measured[self.choice.slots].durations.append(time.monotonic() - observed.began)
        self._ended += succeeded
        return 0

    def lower(self, runs: int) -> None:
        """Have fewer than `runs` runs from now on. A final choice stays final: measuring has ended."""
        self.limits = lowered(self.limits, runs)
        if self.choice.slots > self.limits.ceiling:
            was_final = self.choice.is_final
            self._choose()
            self.choice = replace(self.choice, is_final=was_final or self.choice.is_final)


class SharedGpus(Admission):
    """Opens one slot on each GPU, and more while they raise the work done in an hour and memory suffices.

    `groups` are the devices of each run's place. A run that is out of memory beside others is tried again,
    with fewer of them. `read_memory` returns the memory of each of these groups. `notes` gets what was chosen
    and why. Raises LitsweepError if the memory is unknown.
    """

    def __init__(
        self,
        groups: Iterable[tuple[str, ...]],
        read_memory: Callable[[Sequence[Sequence[str]]], Sequence[Memory]],
        api: AgentApi,
        notes: Path,
    ) -> None:
        names = list(dict.fromkeys(groups))
        memory = zip(names, read_memory(names), strict=True)
        self._gpus = {name: SharedGpu(name, used) for name, used in memory}
        self._read_memory = partial(read_memory, names)
        self._api = api
        self._notes = notes
        self._warned = ""

    def say(self, subject: str, what: str) -> None:
        """Log a sentence, and add it to the notes."""
        log.warning("%s: %s", subject, what)
        add_note(self._notes, subject, what)

    def opens(self, place: Place) -> bool:
        """Return True while the GPU has fewer slots than were chosen."""
        gpu = self._gpus[place.devices]
        return len(gpu.agents) < gpu.choice.slots

    def add(self, agent: SlotAgent) -> None:
        """Add the agent to those of its GPU."""
        self._gpus[agent.devices].agents.append(agent)

    def admits(self, agent: SlotAgent) -> bool:
        """Return True while the GPU has room for a run."""
        gpu = self._gpus[agent.devices]
        return sum(other.is_busy for other in gpu.agents) < gpu.capacity

    def may_admit_later(self, agent: SlotAgent) -> bool:
        """Return False if as many slots as the GPU may have are done or closed."""
        return self._gpus[agent.devices].capacity > 0

    def observe(self) -> None:
        """Record which runs are beside which."""
        for gpu in self._gpus.values():
            gpu.observe()

    async def adapt(self) -> None:
        """Measure until all numbers are final."""
        for gpu in self._gpus.values():
            self._say_choice(gpu)
        while not all(gpu.choice.is_final for gpu in self._gpus.values()):
            await asyncio.sleep(MEASURE_SECONDS)
            runs = {devices: gpu.runs for devices, gpu in self._gpus.items() if not gpu.choice.is_final}
            try:
                memory = dict(zip(self._gpus, await in_thread(self._read_memory), strict=True))
                rows = await in_thread(partial(self._last_rows, list(chain(*runs.values()))))
            except LitsweepError as error:
                if (warning := f"cannot measure now: {error}") != self._warned:
                    self._warned = warning
                    self.say("--per-gpu auto", warning)
                continue
            self._warned = ""
            for devices, before in runs.items():
                self._measure(self._gpus[devices], before, memory[devices], rows)

    def _last_rows(self, runs: Sequence[str]) -> dict[str, Row]:
        found = {run: Row.of(summary) for run, summary in self._api.summaries(runs).items()}
        return {run: row for run, row in found.items() if row}

    def _measure(self, gpu: SharedGpu, runs: Sequence[str], memory: Memory, rows: Mapping[str, Row]) -> None:
        if any(agent.state is SlotState.CLOSED for agent in gpu.agents):
            gpu.stay("a slot was closed")
        elif not gpu.ended_slots and not gpu.choice.is_final:
            gpu.measure(runs, memory, rows)
        self._say_choice(gpu)

    def _say_choice(self, gpu: SharedGpu) -> None:
        """Say the number and why, if the number or whether it is final has changed."""
        choice = gpu.choice
        if (choice.slots, choice.is_final) != gpu.said:
            gpu.said = (choice.slots, choice.is_final)
            verb = "stays at" if choice.is_final else "tries"
            self.say(gpu.name, f"{verb} {count(choice.slots, 'run')} at a time: {choice.reason}")

    def run_ended(self, agent: SlotAgent, end: RunEnd) -> RunEnd:
        """Record the end of the agent's run. Out of memory beside other runs counts as a preemption.

        The run may be tried again on any GPU, so all that have no more memory than this one get fewer slots.
        """
        gpu = self._gpus[agent.devices]
        runs = gpu.run_ended(end.run_id, end)
        if not runs:
            return end
        self.say(gpu.name, f"run {end.run_id} was out of memory among {runs}; it is tried again among fewer")
        gpu.said = None  # the last note about the GPU has to be its number of runs
        for other in self._gpus.values():
            if other.limits.total <= gpu.limits.total:
                other.lower(runs)
                self._say_choice(other)
        return replace(end, exit_code=ExitCode.PREEMPTED)
