"""The table of the slots in a terminal of 80 columns."""

import dataclasses
import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from litsweep.cli.best import show_result
from litsweep.cli.jobs import _lines, _show_grid
from litsweep.cli.progress import Progress, SummaryLine, runs_table, slot_table
from litsweep.launch.directory import SweepEntry
from litsweep.launch.options import SlotState, SlotView
from litsweep.launch.result import BestRun, SweepResult, result_of
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.launch.watch import SweepWatch
from litsweep.search.ledger import grid_ledger
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import RunState
from litsweep.sweep.events import BestValue

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


LONG = "validation/fold_3/macro_averaged_f1_score_of_the_ensemble"
PARAMETERS = {f"model.a_long_parameter_{i}": {"min": 0.0, "max": 1.0} for i in range(6)}


@pytest.mark.parametrize("metric", ["loss", LONG])
def test_80_columns_cut_no_state_and_no_id(metric: str) -> None:
    config = parse_sweep({"method": "random", "metric": {"name": metric}, "parameters": PARAMETERS})
    values = dict.fromkeys(PARAMETERS, 0.123456)
    run = RunStatus("", "", "", RunState.PENDING, values, {"epoch": 3}, 0.98765e-12, 0.98701, {})
    runs = [
        dataclasses.replace(run, id=f"abcdef{i:02}", state=state, stopped_early=state is RunState.FINISHED)
        for i, state in enumerate(RunState)
    ]
    status = SweepStatus("me/p/abcd1234", "", "RUNNING", config, tuple(runs))
    devices = ("MIG-aaaaaaaa-0000-5000-8000-000000000001",) * 2
    slots = [SlotView(i, devices, state, Path("log"), runs[i].id, 12, 3) for i, state in enumerate(SlotState)]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(slot_table(slots, status))
    console.print(runs_table(status))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    for slot in slots:
        assert any(slot.state in line and f" {slot.run} " in line for line in lines)
    for run in (*runs[2:6], *status.alive):
        assert any(line.startswith(f"{run.id}  {run.word} ") and "9.88e-13" in line for line in lines)


def test_the_front_is_whole_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = BestRun(
        "abcdefgh", "r", "", dict.fromkeys(PARAMETERS, 0.5), 1, 1, {}, None, None, "", {LONG: 1, "b": 2}
    )
    front = (run, dataclasses.replace(run, id="hgfedcba", parameters={}))
    goals = {LONG: "minimize", "b": "maximize"}
    result = SweepResult("me/p/s", "", "RUNNING", LONG, "minimize", {}, run, (), False, goals, front)
    show_result(result)
    text = capsys.readouterr().out
    assert all(f"\n{run.id}" in text or f"\n {run.id}" in text for run in front)


def test_lines_come_at_a_slow_pace_where_nothing_can_be_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("litsweep.cli.progress.time.monotonic", lambda: now)
    said = io.StringIO()
    progress = Progress(SweepWatch("me/p/s"), Console(file=said, width=80))
    for second in range(100):
        now = float(second)
        progress._show_line(f"{second // 2} done · {second} s so far")
        progress._show_line("progress is not available: no answer")
    assert [int(line.split()[0]) for line in said.getvalue().splitlines()] == [0, 15, 30, 45]


def test_all_commands_show_the_same_digits_of_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    value, text = 0.98765432, "0.9877"
    parameters = {"lr": 0.000123456, "seed": 20260131, "ratio": 1 / 3}
    space = {name: {"values": [each, 0]} for name, each in parameters.items()}
    config = parse_sweep(
        {"method": "grid", "metric": {"name": "f1", "goal": "maximize"}, "parameters": space}
    )
    run = RunStatus(
        "89zv8fdz", "run-1", "", RunState.FINISHED, parameters, {"epoch": 3}, value, value, {"f1": value}
    )
    status = SweepStatus("me/p/abcd1234", "", "FINISHED", config, (run,))
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(runs_table(status))
    console.print(slot_table([SlotView(0, (), SlotState.DONE, Path("log"), run.id)], status))
    console.print(SummaryLine(None).text(status))
    console.print(str(BestValue("f1", value, run.id)))
    entry = SweepEntry("me/p/abcd1234", "", "finished", "grid", "f1", value, Counter(), 0.0)
    console.print(*_lines(entry))
    show_result(result_of(status))
    shown = console.export_text() + capsys.readouterr().out
    said = "\n".join(line for line in shown.splitlines() if "to repeat the run" not in line)
    assert said.count(text) >= 7 and "0.98765" not in said
    assert said.count("1.23e-4") == said.count("20260131") == said.count("0.3333") == 2
    assert "0.33333" not in said


def test_the_points_of_a_grid_do_not_look_alike() -> None:
    config = parse_sweep({"method": "grid", "parameters": {"beta": {"values": [0.99999, 0.999999]}}})
    ledger = grid_ledger(config, ())
    assert ledger is not None
    console = Console(width=120, record=True, file=io.StringIO())
    _show_grid(ledger, config, console)
    lines = console.export_text().splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["beta=0.99999", "beta=0.999999"]
