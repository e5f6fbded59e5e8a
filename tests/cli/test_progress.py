"""The live view of a sweep."""

import io

import pytest
from rich.console import Console

from litsweep.cli.best import show_result
from litsweep.cli.progress import SummaryLine, _panel
from litsweep.launch.result import result_of
from litsweep.launch.status import RunStatus, SweepStatus
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.contract import RunState


def sweep(runs: int = 1, **config: object) -> SweepStatus:
    """Return a sweep whose runs started no W&B run."""
    default = {"method": "grid", "metric": {"name": "loss", "goal": "minimize"}}
    ended = [
        RunStatus(
            f"r{n}",
            f"run-{n}",
            "",
            RunState.FINISHED,
            {},
            {"failure": "unreported"},
            None,
            None,
            {},
            created_at=0.0,
            heartbeat_at=60.0,
        )
        for n in range(runs)
    ]
    return SweepStatus("me/p/abcd1234", "", "RUNNING", parse_sweep({**default, **config}), tuple(ended))


LARGE = {f"p{i}": {"values": list(range(100))} for i in range(10)}


@pytest.mark.parametrize(
    ("config", "count", "told"),
    [
        ({"parameters": LARGE}, None, "1/1e20 done"),
        ({"parameters": LARGE}, 10**400, "1/1e20 done"),
        ({"parameters": LARGE, "run_cap": 12_345_678_901}, None, "1/1.23e10 done"),
        ({"parameters": {"a": {"min": 0.0, "max": 1.0}}, "method": "random"}, 10**400, "1/1e400 done"),
        ({"parameters": {"a": {"values": [1, 2, 3]}}}, 10**400, "1/3 done"),
    ],
)
def test_progress_of_a_sweep_of_any_size(config: dict[str, object], count: int | None, told: str) -> None:
    status = sweep(1, **config)
    summary = SummaryLine(count)
    line = summary.text(status)
    assert line.startswith(told) and "1 failed" in line
    assert line.endswith("about 2 min left" if told == "1/3 done" else "more than a year left")
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(_panel(status, line, summary.total(status)))
    assert told.split()[0] in console.export_text()


def test_the_result_says_why_runs_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_result(result_of(sweep(3, parameters=LARGE))) == 1
    said = capsys.readouterr().out
    assert "3 runs without a result: the program ended without starting a W&B run; it has to call" in said
