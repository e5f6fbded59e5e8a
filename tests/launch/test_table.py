"""The table of the slots as a terminal of 80 columns shows it."""

import io
from pathlib import Path

from rich.console import Console

from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.table import slot_table
from litsweep.launch.watch import RunStatus, SweepStatus
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.run import RunState

CONFIG = """
program: agent.py
method: random
metric: {name: validation/macro_f1, goal: maximize}
parameters: {a: {min: 0.0, max: 1.0}}
"""


def test_a_run_is_named_whole_whatever_the_metric_is_called() -> None:
    run = RunStatus("89zv8fdz", "run-1", "", RunState.RUNNING, {}, {"epoch": 3}, 0.98765, 0.98701, {})
    status = SweepStatus("me/p/abcd1234", "", "RUNNING", parse_sweep(CONFIG), (run,))
    slot = SlotView(0, ("GPU-8f2a",), SlotState.RUNNING, Path("slot-0.log"), run.id)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(slot_table([slot], status))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("│ 89zv8fdz │" in line for line in lines)
