"""`--per-gpu auto`: the number of runs on each GPU changes while the launch runs (sharing.py chooses it)."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.launch.admission import Admission
from litsweep.launch.background import in_thread
from litsweep.launch.failure import RunEnd
from litsweep.launch.notes import add_note
from litsweep.launch.nvidia import GpuMemory, Memory
from litsweep.launch.options import SlotState
from litsweep.launch.pace import Row, Window
from litsweep.launch.protocol import AgentApi
from litsweep.launch.sharing import Choice, Room, choose, lowered
from litsweep.launch.slot import Place, SlotAgent
from litsweep.sweep.contract import ExitCode, Failure
from litsweep.sweep.progress import reported_progress

LOOK_SECONDS = 3.0  # between two measurements
_GONE = (SlotState.DONE, SlotState.CLOSED)

log = logging.getLogger("litsweep.launch")


@dataclass
class _Seen:
    """A run since it was first seen: `neighbours` is the largest number of other runs on its GPU."""

    began: float
    changes: int  # of the number of slots before it began
    neighbours: int = 0


class SharedGpu:
    """One GPU, or the GPUs of one run: its slots, its runs, and what was measured."""

    def __init__(self, devices: tuple[str, ...], memory: Memory) -> None:
        self.name = f"GPU {','.join(devices)}"
        self.agents: list[SlotAgent] = []
        self.room = Room(memory.total, memory.used)
        self.choice = choose((), self.room)
        self._windows = {self.choice.slots: Window(self.choice.slots, time.time())}
        self.said: tuple[int, bool] | None = None  # the number, and whether it is final
        self._changes = 0
        self._ended = 0
        self._seen: dict[str, _Seen] = {}

    @property
    def gone(self) -> int:
        """The number of slots that are done or closed. No others replace them."""
        return sum(agent.state in _GONE for agent in self.agents)

    @property
    def capacity(self) -> int:
        """The number of runs that the GPU may have now."""
        return min(self.choice.slots - self.gone, self.room.ceiling)

    @property
    def runs(self) -> list[str]:
        """The runs of the GPU."""
        return [agent.run for agent in self.agents if agent.run]

    def look(self) -> None:
        """Note which runs work beside which."""
        runs = self.runs
        for run in runs:
            seen = self._seen.setdefault(run, _Seen(time.monotonic(), self._changes))
            seen.neighbours = max(seen.neighbours, len(runs) - 1)

    def measure(self, memory: Memory, rows: Mapping[str, Row]) -> None:
        """Take in the memory in use and the last rows of the runs, and choose again."""
        window, own = self._windows[self.choice.slots], self._last_of_each(rows)
        if not len(own) == len(self.runs) == self.choice.slots:
            window.restart(time.time())
        else:
            window.used = max(window.used, memory.used)
            window.add(own)
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
        seen = self._seen.get(run)
        return time.time() - (time.monotonic() - seen.began) if seen else float("inf")

    def _choose(self) -> None:
        before = self.choice.slots
        self.choice = choose([window.measurement() for window in self._windows.values()], self.room)
        if self.choice.slots != before:
            self._changes += 1
            window = self._windows.setdefault(self.choice.slots, Window(self.choice.slots))
            window.restart(time.time())

    def stay(self, reason: str) -> None:
        """Change the number of slots no more, except for lack of memory."""
        self.choice = Choice(self.choice.slots, reason, is_final=True)

    def ended(self, run: str, end: RunEnd) -> int:
        """Note the end of a run. Return how many runs were too many for the memory, or 0."""
        seen = self._seen.pop(run, None) or _Seen(time.monotonic(), -1)
        if end.failure is Failure.OUT_OF_MEMORY:
            return (n := max(seen.neighbours, len(self.runs))) and n + 1
        succeeded = end.failure is None and not end.is_preempted
        if succeeded and self._ended and seen.changes == self._changes:  # the first one warms up
            self._windows[self.choice.slots].durations.append(time.monotonic() - seen.began)
        self._ended += succeeded
        return 0

    def lower(self, runs: int) -> None:
        """Have fewer than `runs` runs from now on."""
        self.room = lowered(self.room, runs)
        if self.choice.slots > self.room.ceiling:
            self._choose()


class SharedGpus(Admission):
    """Opens one slot on each GPU, and more while they raise the work done in an hour and memory suffices.

    `groups` are the devices of each run's place. A run that is out of memory beside others is tried again,
    with fewer of them. `notes` gets what was chosen and why. Raises LitsweepError if the memory is unknown.
    """

    def __init__(
        self, groups: Iterable[tuple[str, ...]], memory: GpuMemory, api: AgentApi, notes: Path
    ) -> None:
        names = list(dict.fromkeys(groups))
        self._gpus = {
            name: SharedGpu(name, used) for name, used in zip(names, memory.read(names), strict=True)
        }
        self._memory = memory
        self._api = api
        self._notes = notes
        self._trouble = ""

    def say(self, subject: str, what: str) -> None:
        """Log a sentence, and add it to the notes."""
        log.warning("%s: %s", subject, what)
        add_note(self._notes, subject, what)

    def opens(self, place: Place, agents: Sequence[SlotAgent]) -> bool:
        """Return True while the GPU has fewer slots than were chosen."""
        gpu = self._gpus[place.devices]
        gpu.agents = [agent for agent in agents if agent.devices == place.devices]
        return len(gpu.agents) < gpu.choice.slots

    def admits(self, agent: SlotAgent) -> bool:
        """Return True while the GPU has room for a run."""
        gpu = self._gpus[agent.devices]
        return sum(other.is_busy for other in gpu.agents) < gpu.capacity

    def needs(self, agent: SlotAgent) -> bool:
        """Return False if as many slots as the GPU may have are done or closed."""
        return self._gpus[agent.devices].capacity > 0

    def look(self, agents: Sequence[SlotAgent]) -> None:
        """Note which runs work beside which."""
        for gpu in self._gpus.values():
            gpu.look()

    async def follow(self) -> None:
        """Measure until all numbers are final."""
        for gpu in self._gpus.values():
            self._say_choice(gpu)
        while open_ := [gpu for gpu in self._gpus.values() if not gpu.choice.is_final]:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                memory = dict(zip(self._gpus, await in_thread(self._read_memory), strict=True))
                rows = await in_thread(partial(self._last_rows, [run for gpu in open_ for run in gpu.runs]))
            except LitsweepError as error:
                self._say_trouble(f"cannot measure now: {error}")
                continue
            self._trouble = ""
            for devices, gpu in self._gpus.items():
                if gpu in open_:
                    self._measure(gpu, memory[devices], rows)

    def _say_trouble(self, what: str) -> None:
        if what != self._trouble:
            self._trouble = what
            self.say("--per-gpu auto", what)

    def _read_memory(self) -> list[Memory]:
        return self._memory.read(list(self._gpus))

    def _last_rows(self, runs: Sequence[str]) -> dict[str, Row]:
        found = {run: Row.of(summary) for run, summary in self._api.summaries(runs).items()}
        return {run: row for run, row in found.items() if row}

    def _measure(self, gpu: SharedGpu, memory: Memory, rows: Mapping[str, Row]) -> None:
        if any(agent.state is SlotState.CLOSED for agent in gpu.agents):
            gpu.stay("a slot was closed")
        elif not gpu.gone and not gpu.choice.is_final:
            gpu.measure(memory, rows)
        self._say_choice(gpu)

    def _say_choice(self, gpu: SharedGpu) -> None:
        """Say the number and why, if the number or whether it is final has changed."""
        choice = gpu.choice
        if (choice.slots, choice.is_final) != gpu.said:
            gpu.said = (choice.slots, choice.is_final)
            runs = "1 run" if choice.slots == 1 else f"{choice.slots} runs"
            self.say(
                gpu.name, f"{'stays at' if choice.is_final else 'tries'} {runs} at a time: {choice.reason}"
            )

    def ended(self, agent: SlotAgent, end: RunEnd) -> RunEnd:
        """Note the end of the agent's run. Out of memory beside other runs counts as a preemption.

        The run may be tried again on any GPU, so all that have no more memory than this one get fewer slots.
        """
        gpu = self._gpus[agent.devices]
        runs = gpu.ended(end.run_id, end)
        if not runs:
            return end
        self.say(gpu.name, f"run {end.run_id} was out of memory among {runs}; it is tried again among fewer")
        for other in self._gpus.values():
            if other.room.total <= gpu.room.total:
                other.lower(runs)
                other.said = None if other is gpu else other.said  # the last sentence has to be the number
                self._say_choice(other)
        return replace(end, exit_code=ExitCode.PREEMPTED)
