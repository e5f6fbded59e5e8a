"""Which slots a launch has, and which of their agents may take a run. Here: all of them, from the start."""

from collections.abc import Sequence

from litsweep.launch.failure import RunEnd
from litsweep.launch.slot import Place, SlotAgent


class Admission:
    """Opens each slot at once and admits each agent. `--per-gpu auto` has another one (shared_gpus.py)."""

    def opens(self, place: Place, agents: Sequence[SlotAgent]) -> bool:
        """Return True if the place becomes a slot now. `agents` are those of the slots so far."""
        return True

    def admits(self, agent: SlotAgent) -> bool:
        """Return True if the agent may take a run now."""
        return True

    def needs(self, agent: SlotAgent) -> bool:
        """Return False if the agent will not be admitted any more."""
        return True

    def look(self, agents: Sequence[SlotAgent]) -> None:
        """Note which runs work. Called a few times a second."""

    async def follow(self) -> None:
        """Measure, and change the number of slots, until the launch ends."""

    def ended(self, agent: SlotAgent, end: RunEnd) -> RunEnd:
        """Note the end of the agent's run. Return how it counts."""
        return end
