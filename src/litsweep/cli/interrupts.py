"""What Ctrl-C says: what is kept, and how to continue."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def interrupt_says(text: str) -> Iterator[None]:
    """Let Ctrl-C during the block end the command with this text. An inner block's text comes first."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt) or text) from None


def interrupt_of_sweep(sweep: str) -> AbstractContextManager[None]:
    """Return the block in which a command starts agents and then shows the sweep's result."""
    shown = f"`litsweep best {sweep}` shows them, and `litsweep launch {sweep}` continues the sweep"
    return interrupt_says(f"interrupted; the server has all results: {shown}")
