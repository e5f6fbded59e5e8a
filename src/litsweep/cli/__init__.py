"""The commands. Each is one module with `add_parser` (its flags) and a function that runs it."""

from litsweep.cli.main import main

__all__ = ["main"]
