"""Which slots a launch has, and which of their agents may take a run. Here: all of them, from the start."""

from litsweep.launch.failure import RunEnd
from litsweep.launch.slot import Place, SlotAgent


class Admission:
    """Opens each slot at once and admits each agent. `--per-gpu auto` has another one (shared_gpus.py)."""

    def opens(self, place: Place) -> bool:
        """Return True if the place becomes a slot now."""
        return True

    def add(self, agent: SlotAgent) -> None:
        """Add the agent of a slot that has been opened."""

    def admits(self, agent: SlotAgent) -> bool:
        """Return True if the agent may take a run now."""
        return True

    def may_admit_later(self, agent: SlotAgent) -> bool:
        """Return False if the agent will not be admitted any more."""
        return True

    def observe(self) -> None:
        """Record which runs are beside which. Called a few times a second."""

    async def adapt(self) -> None:
        """Measure, and change the number of slots, until the launch ends."""

    def run_ended(self, agent: SlotAgent, end: RunEnd) -> RunEnd:
        """Record the end of the agent's run. Return how it counts."""
        return end
